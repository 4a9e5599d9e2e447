import { UserError } from '../../errors.js'
import type { GgufFamily, GgufWriting } from '../families/family.js'
import { FAMILIES, familyName } from '../families/index.js'
import { type ParameterKind, parametersOf } from '../parameters.js'
import { isScaledRope, ropeBase, ropeDivisors } from '../rope.js'
import type { DecoderSpec } from '../spec.js'
import { ggufTensorName, type Restore, ROPE_FREQS } from './tensors.js'

/** A tensor of a GGUF file, by its name there. */
export interface GgufTensor {
  readonly name: string
  /** HF's. */
  readonly parameter: string
  readonly kind: ParameterKind
  readonly shape: readonly number[]
  /** From HF's values to those of the file, in place. */
  readonly store: Restore | undefined
}

/** A model as llama.cpp's converter writes it. */
export interface GgufModel {
  readonly architecture: string
  /** By keys without the architecture's name: whole numbers, and those of `FLOATS`. */
  readonly metadata: Readonly<Record<string, number>>
  readonly tensors: readonly GgufTensor[]
  /** Divisors of the inverse frequencies, [headDim / 2], where they are scaled; a tensor of the file. */
  readonly ropeFactors: Float32Array | undefined
}

/** Keys of numbers that GGUF has as float32. */
export const FLOATS: readonly string[] = [
  'attention.layer_norm_rms_epsilon',
  'rope.freq_base',
  'rope.freq_base_swa',
]

/**
 * What a GGUF file of a model says.
 * @throws UserError for a family, or a setting of one, that its GGUF files cannot say
 */
export function ggufModel(spec: DecoderSpec): GgufModel {
  const { gguf, written } = ggufFamily(spec)
  const base = ropeBase(spec.rope.full)
  const { headDim } = spec
  const metadata = {
    context_length: spec.maxPositions,
    embedding_length: spec.hiddenSize,
    block_count: spec.layers.length,
    feed_forward_length: spec.intermediateSize,
    'attention.head_count': spec.heads,
    'attention.head_count_kv': spec.kvHeads,
    'attention.key_length': headDim,
    'attention.value_length': headDim,
    'attention.layer_norm_rms_epsilon': spec.normEpsilon,
    'rope.freq_base': base,
    vocab_size: spec.vocabSize,
    ...written.metadata?.(spec),
  }
  const tensors = parametersOf(spec).map(({ name, kind, shape }): GgufTensor => {
    const own = ggufTensorName(gguf.modules, name)
    if (own === undefined) throw cannot(spec, `has no name for ${name}`)
    return { name: own, parameter: name, kind, shape, store: written.store?.(name, spec) }
  })
  const factors = ropeDivisors(spec.rope.full)
  const isScaled = isScaledRope(spec.rope.full)
  if (isScaled && gguf.architecture !== 'llama') throw cannot(spec, 'does not say how its rope is scaled')
  return {
    architecture: gguf.architecture,
    metadata,
    tensors,
    ropeFactors: isScaled ? Float32Array.from(factors) : undefined,
  }
}

export { ROPE_FREQS }

/** Whether there are GGUF files of a family that can be written, of whose metadata config.json can be made as well. */
export function isWritten({ family }: Pick<DecoderSpec, 'family'>): boolean {
  return FAMILIES.find(({ type }) => type === family)?.ggufWriting !== undefined
}

function ggufFamily(spec: DecoderSpec): { gguf: GgufFamily; written: GgufWriting } {
  const { gguf, ggufWriting } = FAMILIES.find(({ type }) => type === spec.family)!
  if (!gguf || !ggufWriting) throw cannot(spec, 'is not written')
  if (spec.ropeFactor) throw cannot(spec, 'does not say how its rope is scaled')
  if (!gguf.slides && spec.layers.includes('sliding')) throw cannot(spec, 'has no sliding windows')
  return { gguf, written: ggufWriting }
}

function cannot(spec: DecoderSpec, what: string): UserError {
  return new UserError(`A GGUF file of ${familyName(spec)} ${what}: write safetensors instead.`)
}
