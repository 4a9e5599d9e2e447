import { UserError } from '../../errors.js'
import type { ConfigReader, Fields } from '../config-reader.js'
import type { Family, GgufFamily, Granted } from '../families/family.js'
import { configReader, FAMILIES, familyName, specFromConfig } from '../families/index.js'
import { type StoredParts, storedParts } from '../layout.js'
import { headName, type ParameterKind, parametersOf } from '../parameters.js'
import { sameRopes } from '../rope.js'
import type { DecoderSpec } from '../spec.js'
import { isServedKey, LAYER_NORM_EPSILON } from './metadata.js'
import { configFromGguf, ggufLayout, ggufTensors, isNorm, SHARED_GATE } from './model.js'
import { type GgufFields, type RopeTensors, ropeToGguf } from './rope.js'
import { partialSpecDifference, specDifference } from './spec-difference.js'
import { addOne, ggufTensorName } from './tensors.js'

/** A tensor of a GGUF file, by its name there. */
export interface GgufTensor {
  readonly name: string
  /** HF's order: that of all experts of a layer is [experts, rows, in]. */
  readonly shape: readonly number[]
  readonly kind: ParameterKind
  /** Whether it is the vocabulary projection. */
  readonly isHead: boolean
  /** The parameters that it is made of, by HF's names. */
  readonly stored: StoredParts
  /** From HF's values to those of the file, in place. */
  readonly store: ((values: Float32Array) => void) | undefined
}

/** A model as llama.cpp's converter writes it. */
export interface GgufModel {
  readonly architecture: string
  /** By keys without the architecture's name; those of `isFloat` are float32. */
  readonly metadata: GgufFields
  readonly tensors: readonly GgufTensor[]
  readonly ropeTensors: RopeTensors
}

/** Whether GGUF has a number as float32, by its key. */
export function isFloat(key: string): boolean {
  return FLOATS.test(key)
}

const FLOATS =
  /(_epsilon|_scale|\.scale|_softcapping|freq_base(_swa)?|_factor|\.factor|_multiplier|_beta_\w+)$/

/**
 * What a GGUF file of a model says: what is read of it again is the model.
 * @param config HF's, of which the specification has been made
 * @throws UserError for a family, or a field of one, that its GGUF files cannot say
 */
export async function ggufModel(spec: DecoderSpec, config: Fields): Promise<GgufModel> {
  const family = FAMILIES.find(({ type }) => type === spec.family)!
  const { gguf } = family
  if (!gguf) throw new UserError(`There are no GGUF files of ${family.name}: write safetensors instead.`)
  const reader = configReader(config, 'config.json')
  const fields = (family.ropes ?? sameRopes)(reader)
  const rope = ropeToGguf(reader, spec, fields, gguf.ropeTensors ?? [])
  const keys = {
    ...sizesOf(spec, reader),
    ...rope.keys,
    ...(gguf.slides && windowOf(spec)),
    ...expertsOf(spec),
    ...ownKeys(gguf, reader),
    ...gguf.metadata?.(spec, fields.full),
  }
  const said = Object.entries(keys).filter(
    ([key, value]) => value !== undefined && isServedKey(key, value, gguf),
  )
  const model = {
    architecture: gguf.architecture,
    metadata: Object.fromEntries(said) as GgufFields,
    tensors: tensorsOf(spec, family, gguf, config),
    ropeTensors: rope.tensors,
  }
  await requireSame(spec, model, gguf)
  return model
}

function sizesOf(spec: DecoderSpec, config: ConfigReader): GgufFields {
  const epsilon = spec.layerNorm ? LAYER_NORM_EPSILON : 'attention.layer_norm_rms_epsilon'
  return {
    vocab_size: spec.vocabSize,
    context_length: config.integer('max_position_embeddings'),
    embedding_length: spec.hiddenSize,
    block_count: spec.layers.length,
    feed_forward_length: spec.intermediateSize,
    'attention.head_count': spec.heads,
    'attention.head_count_kv': spec.kvHeads,
    'attention.key_length': spec.headDim,
    'attention.value_length': spec.headDim,
    [epsilon]: spec.normEpsilon,
  }
}

/** llama.cpp reads of a pattern how often a full layer comes, and no list of layers. */
function windowOf({ layers, slidingWindow }: DecoderSpec): Partial<GgufFields> {
  if (slidingWindow === undefined) return {}
  const isFull = (layer: number) => layers[layer].startsWith('full')
  const periods = Array.from({ length: layers.length + 1 }, (_, i) => i + 1)
  const period = periods.find((each) => layers.every((_, i) => isFull(i) === ((i + 1) % each === 0)))
  return { 'attention.sliding_window': slidingWindow, 'attention.sliding_window_pattern': period }
}

function expertsOf({ experts }: DecoderSpec): GgufFields {
  return experts ? { expert_count: experts.count, expert_used_count: experts.perToken } : {}
}

function ownKeys({ keys = {} }: GgufFamily, { values, defaults }: ConfigReader): Partial<GgufFields> {
  const said = Object.entries(keys).map(([key, own]) => {
    const field = typeof own === 'string' ? own : own.field
    const value = values[field] === undefined ? defaults[field] : values[field]
    return [key, typeof value === 'number' ? value : undefined]
  })
  return Object.fromEntries(said.filter(([, value]) => value !== undefined))
}

function tensorsOf(spec: DecoderSpec, family: Family, gguf: GgufFamily, config: Fields): GgufTensor[] {
  const layout = ggufLayout({ ...config, model_type: family.type }, 'config.json') ?? {}
  const kinds = new Map(parametersOf(spec).map(({ name, kind }) => [name, kind]))
  return [...storedParts(spec, layout)].map(([name, stored]): GgufTensor => {
    const own = ggufTensorName(gguf.modules, name)
    if (own === undefined) throw cannot(spec, `has no name for ${name}`)
    const { shape, parts } = stored
    const isJoined = Object.keys(layout.joined ?? {}).some((tensor) => name.endsWith(`.${tensor}`))
    const experts = spec.experts?.count ?? 0
    const [rows, ...columns] = shape
    const kind = kinds.get(parts[0].name)!
    const isSqueezed = kind === 'kernels' || name.endsWith(SHARED_GATE)
    return {
      name: own,
      // The converter leaves out dimensions of 1: a shared expert's gate is a vector, a channel's kernel a row.
      shape: isJoined
        ? [experts, rows / experts, ...columns]
        : isSqueezed
          ? shape.filter((size, i) => size !== 1 || i === shape.length - 1)
          : shape,
      kind,
      isHead: parts[0].name === headName(spec),
      stored,
      store: gguf.offsetNorms && isNorm(name) ? addOne : undefined,
    }
  })
}

const USUALLY_GRANTED: Granted = { bias: { output: false, mlp: false } }

/** What of a specification a file says otherwise is named. */
async function requireSame(spec: DecoderSpec, model: GgufModel, gguf: GgufFamily): Promise<void> {
  const { architecture, ropeTensors } = model
  const keys = Object.entries(model.metadata).map(([key, value]): [string, unknown] => [
    `${architecture}.${key}`,
    isFloat(key) ? Math.fround(value as number) : value,
  ])
  const metadata = new Map<string, unknown>([['general.architecture', architecture], ...keys])
  const nameOf = ggufTensors(metadata)
  const tensors = new Map(model.tensors.map(({ name, shape }) => [nameOf(name)!.name, { shape }]))
  for (const [name, { length }] of ropeTensors) tensors.set(name, { shape: [length] })
  const read = async (name: string) => ropeTensors.get(name)!
  const again = await configFromGguf({ metadata, tensors, read })
    .then((config) => specFromConfig(config, 'the file'))
    .catch((error: Error) => {
      throw cannot(spec, `would not be read again (${error.message.replace(/[.:](?= |$).*$/s, '')})`)
    })
  const granted = gguf.granted?.(spec) ?? USUALLY_GRANTED
  const field = specDifference(spec, again, gguf.slides ?? false) ?? partialSpecDifference(granted, spec)
  if (field !== undefined) throw cannot(spec, `cannot say the model's ${field}`)
}

function cannot(spec: DecoderSpec, what: string): UserError {
  return new UserError(`A GGUF file of ${familyName(spec)} ${what}: write safetensors instead.`)
}
