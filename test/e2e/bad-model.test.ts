import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GOLDEN, ggufBytes, safetensorsBytes, string, u32 } from '../weights/files.js'
import { fileWriter, isolateEnvironment, on, temporaryDirectory } from './cli.js'
import { type BadInput, testRefusals } from './refusal.js'
import { type TextModelOptions, writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)

isolateEnvironment(home)

let count = 0
/** A model with something wrong with it. */
function broken(options: TextModelOptions): string {
  return writeTextModel(join(home, `broken-${++count}`), options)
}

/** A model with one file replaced. */
function withFile(name: string, content: string | Buffer): string {
  const directory = broken({})
  writeFileSync(join(directory, name), content)
  return directory
}

const safetensors = readFileSync(join(broken({}), 'model.safetensors'))
const gguf = readFileSync(join(GOLDEN, 'llama.gguf'))
const oneTensor = (dtype: string, bytes: number) =>
  safetensorsBytes({ 'model.norm.weight': { dtype, shape: [2], data_offsets: [0, bytes] } }, bytes)
const oneGgufTensor = (type: number) =>
  ggufBytes({
    tensors: [{ name: 'output.weight', dimensions: [256n, 1n], type, offset: 0n }],
    dataBytes: 512,
  })
const llama = (key: string, value: number): [string, number, Buffer] => [`llama.${key}`, 4, u32(value)]
const hugeGguf = ggufBytes({
  metadata: [
    ['general.architecture', 8, string('llama')],
    ...['embedding_length', 'feed_forward_length', 'context_length'].map((key) => llama(key, 8)),
    llama('attention.head_count', 1),
    llama('block_count', 2 ** 32 - 8),
    ['llama.attention.layer_norm_rms_epsilon', 6, Buffer.of(0, 0, 0, 0x3f)],
  ],
  tensors: [{ name: 'token_embd.weight', dimensions: [8n, 1n], type: 0, offset: 0n }],
  dataBytes: 32,
})
const adapter = mkdtempSync(join(home, 'adapter-'))
writeFileSync(
  join(adapter, 'adapter_config.json'),
  '{"peft_type": "LORA", "base_model_name_or_path": "./nowhere/base"}',
)
const severalGguf = mkdtempSync(join(home, 'several-'))
for (const name of ['a.gguf', 'b.GGUF']) writeFileSync(join(severalGguf, name), gguf)
const withPart = join(
  withFile('model-00001-of-00002.safetensors', safetensors),
  'model-00001-of-00002.safetensors',
)
const damaged = (what: string) =>
  new RegExp(`^\\S+ is damaged or incomplete: ${what}; download or convert it again\\.$`)

const models: BadInput[] = [
  {
    name: 'a path that is not there',
    args: on(join(home, 'nowhere'), 'hello'),
    code: 2,
    says: /^There is no model at \S+\/nowhere: give a directory, a \.gguf file, a hub id such as org\/name, or built-in\.$/,
  },
  {
    name: 'models show of a path that is not there',
    command: 'models show',
    args: [join(home, 'nowhere')],
    code: 2,
    says: /^There is no model at \S+\/nowhere: /,
  },
  {
    name: 'a directory without config.json',
    args: on(broken({ without: ['config.json'] }), 'hello'),
    code: 1,
    says: /^\S+ has no config\.json: give the directory of a model, or a \.gguf file\.$/,
  },
  {
    name: 'a directory without tokenizer.json',
    args: on(broken({ without: ['tokenizer.json'] }), 'hello'),
    code: 1,
    says: /^\S+\/tokenizer\.json is missing: the model needs it to read text\.$/,
  },
  {
    name: 'a directory without weights',
    args: on(broken({ without: ['model.safetensors'] }), 'hello'),
    code: 1,
    says: /^\S+ has no weights: it needs model\.safetensors or model\.safetensors\.index\.json\.$/,
  },
  {
    name: 'a config.json that is not JSON',
    args: on(withFile('config.json', '{'), 'hello'),
    code: 1,
    says: /^\S+\/config\.json is not valid JSON: line 1, column 2: it ends too early\.$/,
  },
  {
    name: 'a config.json with Infinity, as Python writes it',
    args: on(withFile('config.json', '{"model_type": "llama",\n"x": Infinity}'), 'hello'),
    code: 1,
    says: /^\S+\/config\.json is not valid JSON: line 2, column 6: Infinity is no number of JSON/,
  },
  {
    name: 'a config.json of more layers than any model has',
    args: on(broken({ config: { num_hidden_layers: 1e9 } }), 'hello'),
    code: 1,
    says: /^The model cannot be built from \S+: num_hidden_layers is 1000000000, and at most 10,000 is read\.$/,
  },
  {
    name: 'models show of a GGUF file of more layers than any model has',
    command: 'models show',
    args: [file(hugeGguf, 'huge.gguf')],
    code: 1,
    says: /^The model cannot be built from \S+: num_hidden_layers is 4294967288, and at most 10,000 is read\.$/,
  },
  {
    name: 'an adapter alone',
    args: on(adapter, 'hello'),
    code: 2,
    says: /^\S+ holds an adapter \(adapter_config\.json, LORA\) for \.\/nowhere\/base, which is not here: give that model with -m, and the adapter with --adapter\.$/,
  },
  {
    name: 'an adapter beside its base',
    args: on(withFile('adapter_config.json', '{"peft_type": "LORA"}'), 'hello'),
    code: 1,
    says: /^\S+ holds an adapter \(adapter_config\.json, LORA\) beside a model, which is not applied: give it with --adapter \S+, or move it away/,
  },
  {
    name: 'weights of an adapter beside a model',
    args: on(withFile('adapter_model.safetensors', ''), 'hello'),
    code: 1,
    says: /holds an adapter \(adapter_model\.safetensors\) beside a model, which is not applied: give it with --adapter \S+, or move it away/,
  },
  {
    name: 'a directory with several GGUF files',
    args: on(severalGguf, 'hello'),
    code: 1,
    says: /^\S+ has several GGUF files: give the path of one \(a\.gguf, b\.GGUF\)\.$/,
  },
  {
    name: 'one part of a model',
    args: on(withPart, 'hello'),
    code: 1,
    says: /^\S+ is one part of a model: give the directory, \S+\.$/,
  },
  {
    name: 'truncated safetensors',
    args: on(withFile('model.safetensors', safetensors.subarray(0, 200_000)), 'hello'),
    code: 1,
    says: damaged('tensor \\S+ ends at byte \\d+, but the file has 200000'),
  },
  {
    name: 'safetensors with a corrupt header',
    args: on(
      withFile('model.safetensors', safetensorsBytes('{"model.norm.weight": {"dtype": "F3', 8)),
      'hello',
    ),
    code: 1,
    says: damaged('its header is not JSON'),
  },
  {
    name: 'safetensors with a header beyond its end',
    args: on(withFile('model.safetensors', Buffer.alloc(64, 1)), 'hello'),
    code: 1,
    says: damaged('its header claims \\d+ bytes'),
  },
  {
    name: 'truncated GGUF',
    args: on(file(gguf.subarray(0, gguf.length >> 1), 'half.gguf'), 'hello'),
    code: 1,
    says: damaged('.+'),
  },
  {
    name: 'a GGUF that is none',
    args: on(file('This is a text.', 'text.gguf'), 'hello'),
    code: 1,
    says: /text\.gguf .*GGUF/,
  },
  {
    name: 'a tensor of another shape than config.json says',
    args: on(broken({ config: { intermediate_size: 128 } }), 'hello'),
    code: 1,
    says: /^Tensor model\.layers\.0\.mlp\.\w+\.weight of \S+ has the shape \[(96,64|64,96)\], but its configuration asks for \[(128,64|64,128)\]\.$/,
  },
  {
    name: 'a tensor that is missing',
    args: on(broken({ config: { num_hidden_layers: 4 } }), 'hello'),
    code: 1,
    says: /^\S+ has no tensor model\.layers\.3\.\S+, which its configuration asks for\.$/,
  },
  {
    name: 'another architecture',
    args: on(broken({ config: { model_type: 'mamba', architectures: ['MambaForCausalLM'] } }), 'hello'),
    code: 1,
    says: /^\S+ is of the architecture "mamba", "MambaForCausalLM", which is not supported: use a model of Llama, (?:[\w. -]+, )*Qwen2, Qwen3, (?:[\w. -]+, )*Gemma 3, (?:[\w. -]+, )*[\w. -]+, or its export to ONNX \(of onnx-community, for one\)\.$/,
  },
  ...(
    [
      ['F64', 16],
      ['I8', 2],
    ] as const
  ).map(
    ([dtype, bytes]): BadInput => ({
      name: `${dtype} weights`,
      args: on(withFile('model.safetensors', oneTensor(dtype, bytes)), 'hello'),
      code: 1,
      says: new RegExp(
        `^Tensor model\\.norm\\.weight of \\S+ has the dtype ${dtype}, which is not supported: use a checkpoint in F32, F16, BF16\\.$`,
      ),
    }),
  ),
  {
    name: 'a GGUF type that is not read',
    args: on(file(oneGgufTensor(16), 'iq2.gguf'), 'hello'),
    code: 1,
    says: /^Tensor output\.weight of \S+ has the type IQ2_XXS, which is not supported: use a file with F32, .+\.$/,
  },
]

testRefusals('a model that cannot be loaded', models)
