/** Sound files of every kind that `llm` reads, made small: what the fuzzer damages. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeTextModel } from '../../test/e2e/text-model.js'

const ROOT = join(import.meta.dirname, '../..')

export const TEMPLATE = `{%- for message in messages %}
{%- if message.role not in ['user', 'assistant', 'system'] %}{{ raise_exception('role ' ~ message.role) }}{% endif -%}
<s>{{ message['role'] | upper }}: {{ message.content | trim }}</s>
{%- endfor %}{% set ns = namespace(n=0) %}{% if add_generation_prompt %}ASSISTANT:{% endif %}`

const PLAN = `prompts: prompts.jsonl
settings: { max_new_tokens: 2 }
strategies:
  - greedy
  - { kind: sample, temperature: 0.7, seed: 3 }
  - "lookup:prompt_lookup_num_tokens=2"
`

const ROWS = [
  { id: 'a', prompt: 'the hen', max_new_tokens: 2 },
  { id: 2, messages: [{ role: 'user', content: 'the hen' }], do_sample: true, temperature: 0.5, seed: 4 },
  { prompt: 'on the sea', num_beams: 2, topic: 'x', eos_token_id: [2, 3], max_new_tokens: 2 },
]

/** Writes them into `directory`; each kind of the fuzzer names the ones that it reads. */
export function writeBaseFiles(directory: string): void {
  mkdirSync(directory, { recursive: true })
  const write = (name: string, content: string | Buffer) => writeFileSync(join(directory, name), content)
  const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  const model = writeTextModel(join(directory, 'model'), { tokenizerConfig: { chat_template: TEMPLATE } })
  shard(model, join(directory, 'sharded'))
  write('model.gguf', gguf(model))
  for (const heads of ['medusa', 'mtp'])
    cpSync(join(ROOT, 'built-in', heads), join(directory, heads), { recursive: true })
  write('template.jinja', TEMPLATE)
  write(
    'config.json',
    JSON.stringify({
      do_sample: true,
      temperature: 0.7,
      top_k: 5,
      seed: 1,
      stop_strings: ['x'],
      sequence_bias: [[[5], -1.5]],
      max_new_tokens: 2,
    }),
  )
  write('rows.jsonl', lines(ROWS))
  write('prompts.jsonl', lines([{ id: 'a', prompt: 'the hen' }]))
  write('plan.yaml', PLAN)
  write(
    'chats.jsonl',
    lines([
      {
        messages: [
          { role: 'user', content: 'hi' },
          { role: 'assistant', content: 'the hen' },
        ],
      },
    ]),
  )
  write('text.txt', 'the hen has the sea on the other side and more of it.\n'.repeat(40))
}

/** The model with its weights in two files and an index. */
function shard(model: string, directory: string): void {
  cpSync(model, directory, { recursive: true })
  const { header, data } = readSafetensors(join(model, 'model.safetensors'))
  const weightMap: Record<string, string> = {}
  const entries = Object.entries(header)
  const half = entries.length >> 1
  for (const [i, part] of [entries.slice(0, half), entries.slice(half)].entries()) {
    const name = `model-0000${i + 1}-of-00002.safetensors`
    let offset = 0
    const chunks: Buffer[] = []
    const own = part.map(
      ([
        tensor,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => {
        weightMap[tensor] = name
        chunks.push(data.subarray(begin, end))
        offset += end - begin
        return [tensor, { dtype, shape, data_offsets: [offset - (end - begin), offset] }]
      },
    )
    const json = Buffer.from(JSON.stringify(Object.fromEntries(own)))
    writeFileSync(join(directory, name), Buffer.concat([u64(json.length), json, ...chunks]))
  }
  writeFileSync(
    join(directory, 'model.safetensors.index.json'),
    JSON.stringify({ metadata: { total_size: data.length }, weight_map: weightMap }),
  )
  // The whole file would be read first.
  writeFileSync(join(directory, 'unused'), '')
}

interface TensorHeader {
  readonly dtype: string
  readonly shape: number[]
  readonly data_offsets: [number, number]
}

function readSafetensors(path: string) {
  const bytes = readFileSync(path)
  const length = Number(bytes.readBigUInt64LE(0))
  const { __metadata__, ...header } = JSON.parse(bytes.subarray(8, 8 + length).toString())
  return { header: header as Record<string, TensorHeader>, data: bytes.subarray(8 + length) }
}

const BLOCK: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
}

/** The same model as a GGUF file of F32. */
function gguf(model: string): Buffer {
  const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'))
  const { added_tokens, model: bpe } = JSON.parse(readFileSync(join(model, 'tokenizer.json'), 'utf8'))
  const tokens = Object.entries(bpe.vocab as Record<string, number>)
    .sort((a, b) => a[1] - b[1])
    .map(([token]) => token)
  while (tokens.length < config.vocab_size) tokens.push(`<unused${tokens.length}>`)
  const metadata = [
    entry('general.architecture', 8, string('llama')),
    entry('llama.block_count', 4, u32(config.num_hidden_layers)),
    entry('llama.context_length', 4, u32(config.max_position_embeddings)),
    entry('llama.embedding_length', 4, u32(config.hidden_size)),
    entry('llama.feed_forward_length', 4, u32(config.intermediate_size)),
    entry('llama.attention.head_count', 4, u32(config.num_attention_heads)),
    entry('llama.attention.head_count_kv', 4, u32(config.num_key_value_heads)),
    entry('llama.rope.freq_base', 6, f32(10_000)),
    entry('llama.attention.layer_norm_rms_epsilon', 6, f32(1e-6)),
    entry('tokenizer.ggml.model', 8, string('gpt2')),
    entry('tokenizer.ggml.pre', 8, string('gpt-2')),
    entry('tokenizer.ggml.tokens', 9, array(8, tokens.map(string))),
    entry(
      'tokenizer.ggml.token_type',
      9,
      array(
        5,
        tokens.map((_, id) => u32(id < added_tokens.length ? 3 : 1)),
      ),
    ),
    entry('tokenizer.ggml.merges', 9, array(8, (bpe.merges as string[]).map(string))),
    entry('tokenizer.ggml.bos_token_id', 4, u32(config.bos_token_id)),
    entry('tokenizer.ggml.eos_token_id', 4, u32(config.eos_token_id)),
    entry('tokenizer.chat_template', 8, string(TEMPLATE)),
  ]
  const { header, data } = readSafetensors(join(model, 'model.safetensors'))
  let offset = 0
  const [infos, chunks]: [Buffer[], Buffer[]] = [[], []]
  for (const [
    name,
    {
      shape,
      data_offsets: [begin, end],
    },
  ] of Object.entries(header)) {
    infos.push(string(ggufName(name)), u32(shape.length), ...shape.toReversed().map(u64), u32(0), u64(offset))
    const padding = Buffer.alloc(-(end - begin) & 31)
    chunks.push(data.subarray(begin, end), padding)
    offset += end - begin + padding.length
  }
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(Object.keys(header).length),
    u64(metadata.length),
    ...metadata,
    ...infos,
  ])
  return Buffer.concat([head, Buffer.alloc(-head.length & 31), ...chunks])
}

function ggufName(name: string): string {
  if (name.startsWith('lm_head')) return 'output.weight'
  if (name.startsWith('model.embed')) return 'token_embd.weight'
  if (name.startsWith('model.norm')) return 'output_norm.weight'
  const [, layer, module] = /^model\.layers\.(\d+)\.(.*)\.weight$/.exec(name)!
  return `blk.${layer}.${BLOCK[module]}.weight`
}

const entry = (key: string, type: number, value: Buffer) => Buffer.concat([string(key), u32(type), value])
const array = (type: number, items: readonly Buffer[]) =>
  Buffer.concat([u32(type), u64(items.length), ...items])

function string(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([u64(bytes.length), bytes])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}
