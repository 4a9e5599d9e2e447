import { existsSync } from 'node:fs'
import { mkdir, open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parametersOf } from '../../src/models/parameters.js'
import { type DecoderSpec, specFromConfig } from '../../src/models/spec.js'
import { createRandom } from '../../src/random.js'

/** config.json of models whose speed is measured and not what they write: the weights are random. */
const SHAPES = {
  tiny: shape({ layers: 2, hidden: 64, ffn: 128, heads: 4, kvHeads: 2, vocab: 1024, tied: true }),
  'smollm2-135m': shape({
    layers: 30,
    hidden: 576,
    ffn: 1536,
    heads: 9,
    kvHeads: 3,
    vocab: 49152,
    tied: true,
  }),
  'smollm2-1.7b': shape({
    layers: 24,
    hidden: 2048,
    ffn: 8192,
    heads: 32,
    kvHeads: 32,
    vocab: 49152,
    tied: true,
  }),
  'llama-3-8b': shape({
    layers: 32,
    hidden: 4096,
    ffn: 14336,
    heads: 32,
    kvHeads: 8,
    vocab: 128256,
    tied: false,
  }),
}

export type ShapeName = keyof typeof SHAPES
export const SHAPE_NAMES = Object.keys(SHAPES) as ShapeName[]

interface Sizes {
  readonly layers: number
  readonly hidden: number
  readonly ffn: number
  readonly heads: number
  readonly kvHeads: number
  readonly vocab: number
  readonly tied: boolean
}

function shape({ layers, hidden, ffn, heads, kvHeads, vocab, tied }: Sizes) {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    num_hidden_layers: layers,
    hidden_size: hidden,
    intermediate_size: ffn,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    vocab_size: vocab,
    tie_word_embeddings: tied,
    hidden_act: 'silu',
    rms_norm_eps: 1e-5,
    rope_theta: 100000,
    max_position_embeddings: 16384,
    bos_token_id: 1,
    eos_token_id: 2,
    torch_dtype: 'bfloat16',
  }
}

/** The directory of a shape's model, which is written where it is not there yet: bfloat16, by the seed. */
export async function shapeDirectory(models: string, name: ShapeName, seed: number): Promise<string> {
  const directory = join(models, `${name}-${seed}`)
  await mkdir(directory, { recursive: true })
  const config = SHAPES[name]
  await writeFile(join(directory, 'config.json'), JSON.stringify(config, undefined, 1))
  const path = join(directory, 'model.safetensors')
  if (!existsSync(path)) {
    await writeRandom(`${path}.partial`, specFromConfig(config, directory), seed)
    await rename(`${path}.partial`, path)
  }
  return directory
}

/** Values of a write. */
const CHUNK = 2 ** 22

/** Writes safetensors piece by piece: 16 GB need not be in memory. */
async function writeRandom(path: string, spec: DecoderSpec, seed: number): Promise<void> {
  const parameters = parametersOf(spec).map(({ name, kind, shape }) => ({
    name,
    kind,
    shape,
    count: shape.reduce((product, size) => product * size, 1),
  }))
  let end = 0
  const header = Object.fromEntries(
    parameters.map(({ name, shape, count }) => {
      const begin = end
      end += 2 * count
      return [name, { dtype: 'BF16', shape, data_offsets: [begin, end] }]
    }),
  )
  const json = Buffer.from(JSON.stringify(header))
  const padding = Buffer.alloc((8 - (json.length % 8)) % 8, ' ')
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length + padding.length))
  const file = await open(path, 'w')
  try {
    await file.writeFile(Buffer.concat([length, json, padding]))
    const random = createRandom(seed)
    for (const { kind, count } of parameters) {
      for (let written = 0; written < count; written += CHUNK) {
        const values = new Uint16Array(Math.min(CHUNK, count - written))
        for (let i = 0; i < values.length; i++) values[i] = kind === 'vector' ? ONE : weight(random())
        await file.writeFile(new Uint8Array(values.buffer))
      }
    }
  } finally {
    await file.close()
  }
}

/** 1 as bfloat16: norms scale by it. */
const ONE = 0x3f80
const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** A uniform value of standard deviation 0.02, as bfloat16. */
function weight(uniform: number): number {
  float[0] = (uniform - 0.5) * 0.02 * Math.sqrt(12)
  return bits[0] >>> 16
}
