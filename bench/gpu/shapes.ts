import { existsSync } from 'node:fs'
import { mkdir, open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { specFromConfig } from '../../src/models/families/index.js'
import { parametersOf } from '../../src/models/parameters.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { createRandom } from '../../src/random.js'
import { toHalf } from '../../src/weights/half.js'

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
    torch_dtype: 'float16',
  }
}

/** The directory of a shape's model, which is written where it is not there yet: float16, by the seed. */
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

/** Random values, which are repeated: their speed is what counts, and 8 billion of their own would take minutes. */
const WEIGHTS = 2 ** 22

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
      return [name, { dtype: 'F16', shape, data_offsets: [begin, end] }]
    }),
  )
  const json = Buffer.from(JSON.stringify(header))
  const padding = Buffer.alloc((8 - (json.length % 8)) % 8, ' ')
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length + padding.length))
  const file = await open(path, 'w')
  try {
    await file.writeFile(Buffer.concat([length, json, padding]))
    const values = randomWeights(createRandom(seed))
    const ones = new Uint16Array(WEIGHTS).fill(ONE)
    for (const { kind, count } of parameters) {
      const source = kind === 'vector' ? ones : values
      for (let written = 0; written < count; written += WEIGHTS) {
        await file.writeFile(bytesOf(source.subarray(0, count - written)))
      }
    }
  } finally {
    await file.close()
  }
}

/** 1: norms scale by it. */
const ONE = toHalf(1)

/** Uniform values of standard deviation 0.02, as float16. */
function randomWeights(random: () => number): Uint16Array {
  return Uint16Array.from({ length: WEIGHTS }, () => toHalf((random() - 0.5) * 0.02 * Math.sqrt(12)))
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
