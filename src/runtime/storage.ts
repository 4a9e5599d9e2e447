import { UserError } from '../errors.js'
import { cachedNumbers, numbersRead } from '../models/cached-tensors.js'
import type { CacheLayout } from '../models/decoder/layers.js'
import {
  EMBEDDING,
  FUSED,
  headName,
  isOfExpert,
  type Parameter,
  parametersOf,
  STACKED,
} from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import type { FloatType } from '../onnx/graph.js'
import { elements } from '../onnx/shapes.js'
import { bitsPerWeight, type DType, SAFETENSORS_TYPES, type WeightStore } from '../weights/index.js'

/** How the linear layers are held at run time, and what is computed in: float16 by those with `f16` or `fp16` in their name. */
export const RUN_TYPES = ['fp32', 'fp16', 'int8', 'int4', 'int4f16'] as const
export type RunType = (typeof RUN_TYPES)[number]

type Bits = 32 | 16 | 8 | 4

const LINEAR_BITS: Readonly<Record<RunType, Bits>> = { fp32: 32, fp16: 16, int8: 8, int4: 4, int4f16: 4 }

/** What all but quantised weights is held as: other parameters, scales, activations and the cache. */
export function floatType(type: RunType): FloatType {
  return type === 'fp16' || type === 'int4f16' ? 'float16' : 'float32'
}

/** Whether linear layers are in blocks with a scale each. */
export function isQuantised(type: RunType): boolean {
  return LINEAR_BITS[type] < 16
}

const FLOAT_BITS = { float32: 32, float16: 16 } as const satisfies Record<FloatType, Bits>

/** How one parameter is stored for the graph; `bits` 32 and 16 are floats, 8 and 4 are blocks with a scale each. */
export interface StoredParameter extends Parameter {
  /** HF's parameters whose rows it holds, one below the other. */
  readonly parts: readonly Parameter[]
  /** Whether the rows of the first two parts take turns, then those of the next two, and so on. */
  readonly interleaved: boolean
  readonly bits: Bits
  /** Of floats, or of the scales. */
  readonly type: FloatType
  /** Weights that share a scale; 0 for floats. */
  readonly blockSize: number
  /** Whether it is held as [in, out]; never where it is quantised. */
  readonly transposed: boolean
}

/**
 * What has to be stored for a run type. The vocabulary projection keeps 8 bits in int4 too, as llama.cpp's Q4_0 files do: it decides
 * between all tokens. On the CPU the embedding is held as it is, and is the same matrix where both are tied; elsewhere it stays
 * floats, and a tied projection is a second copy. Of an embedding only the rows in use are paged in.
 */
export function storagePlan(
  spec: DecoderSpec,
  type: RunType,
  layout: CacheLayout = 'in-place',
): StoredParameter[] {
  const quantised = isQuantised(type)
  const isTransposed = transposes(layout) && !quantised
  const float = floatType(type)
  const hasRows = quantised && gathersBlocks(spec, layout)
  const nameOf = quantised ? fusedName : stacksExperts(spec, type, layout) ? stackedName : ownName
  const parameters = joined(parametersOf(spec), nameOf)
  const stored = parameters.map((parameter): StoredParameter => {
    const isBlocks = parameter.kind === 'linear' || (parameter.kind === 'embedding' && hasRows)
    const bits = isBlocks ? bitsFor(parameter.name, spec, type) : FLOAT_BITS[float]
    const transposed = isTransposed && parameter.kind === 'linear'
    return { ...parameter, bits, type: float, blockSize: blockSizeFor(parameter, bits), transposed }
  })
  if (!spec.tiedHead || hasRows || !(quantised || isTransposed)) return stored
  const head: Parameter = { name: EMBEDDING, kind: 'linear', shape: [spec.vocabSize, spec.hiddenSize] }
  const bits = bitsFor(EMBEDDING, spec, type)
  const blockSize = blockSizeFor(head, bits)
  return [...stored, { ...alone(head), bits, type: float, blockSize, transposed: isTransposed }]
}

/** WebGPU's products with [in, out] read memory two to four times as fast as those with [out, in]. */
function transposes(layout: CacheLayout): boolean {
  return layout === 'device'
}

/** Whether rows of an embedding in blocks can be looked up: by the CPU's provider, and where no block is padded. */
function gathersBlocks({ hiddenSize }: DecoderSpec, layout: CacheLayout): boolean {
  return isOnCpu(layout) && hiddenSize % 32 === 0
}

/**
 * Whether the experts of a layer are stacked, as ONNX Runtime's MoE wants them: the CPU has it in float32 for gated MLPs with SiLU (see
 * docs/models.md). One expert alone is a plain MLP.
 */
function stacksExperts({ experts, activation, bias }: DecoderSpec, type: RunType, layout: CacheLayout) {
  const isServed = type === 'fp32' && isOnCpu(layout) && activation === 'silu' && !bias.mlp
  return isServed && experts !== undefined && experts.count > 1
}

function isOnCpu(layout: CacheLayout): boolean {
  return layout === 'in-place' || layout === 'paged'
}

type Joined = Parameter & Pick<StoredParameter, 'parts' | 'interleaved'>

function alone(parameter: Parameter): Joined {
  return { ...parameter, parts: [parameter], interleaved: false }
}

/** Parameters as one matrix where they have a name in common, in the place of the first. */
function joined(parameters: readonly Parameter[], nameOf: (parameter: Parameter) => string): Joined[] {
  const groups = new Map<string, Parameter[]>()
  for (const parameter of parameters) {
    const name = nameOf(parameter)
    const group = groups.get(name)
    if (group) group.push(parameter)
    else groups.set(name, [parameter])
  }
  return [...groups].map(([name, parts]) => {
    if (parts.length === 1) return alone(parts[0])
    const rows = parts.reduce((sum, { shape }) => sum + shape[0], 0)
    const interleaved = name.endsWith(`.${STACKED.gateUp}.weight`)
    return { name, kind: 'linear', shape: [rows, parts[0].shape[1]], parts, interleaved }
  })
}

function ownName({ name }: Parameter): string {
  return name
}

/** The name of an expert's projection by `STACKED`. */
function stackedName({ name }: Parameter): string {
  const [, module, part] = /^(.*)\.experts\.\d+\.(\w+)\.weight$/.exec(name) ?? []
  if (!module) return name
  return `${module}.${part === 'down_proj' ? STACKED.down : STACKED.gateUp}.weight`
}

/** The name of a projection by `FUSED`. */
function fusedName({ name, kind }: Parameter): string {
  const [, module, part] = /^(.*)\.(\w+)\.weight$/.exec(name) ?? []
  const fused = Object.values(FUSED).find(({ parts }) => (parts as readonly string[]).includes(part))
  return kind === 'linear' && fused ? `${module}.${fused.name}.weight` : name
}

function bitsFor(name: string, spec: DecoderSpec, type: RunType): Bits {
  return isQuantised(type) && (name === headName(spec) || name === EMBEDDING) ? 8 : LINEAR_BITS[type]
}

/** Blocks of 64 need fewer scales and run faster; 32 wastes less where the width is no multiple of 64. */
function blockSizeFor({ shape }: Parameter, bits: Bits): number {
  if (bits >= 16) return 0
  return shape[1] % 64 === 0 ? 64 : 32
}

/** Bytes of a parameter as stored: its values, and its scales. */
export function storedBytes(parameter: StoredParameter): { values: number; scales: number } {
  const { shape, bits, type, blockSize } = parameter
  if (bits >= 16) return { values: (bits / 8) * elements(shape), scales: 0 }
  const blocks = shape[0] * Math.ceil(shape[1] / blockSize)
  return { values: (blocks * blockSize * bits) / 8, scales: (FLOAT_BITS[type] / 8) * blocks }
}

/** Bytes of all weights at a run type. */
export function weightBytes(spec: DecoderSpec, type: RunType): number {
  return storagePlan(spec, type).reduce((sum, parameter) => {
    const { values, scales } = storedBytes(parameter)
    return sum + values + scales
  }, 0)
}

/** Bytes of the cache by token of context. */
export function cacheBytesPerToken(spec: DecoderSpec, type: RunType): number {
  return floatBytes(type) * cachedNumbers(spec)
}

function floatBytes(type: RunType): number {
  return FLOAT_BITS[floatType(type)] / 8
}

/**
 * Bytes that a decoded token reads with so many tokens before it: all weights but the
 * embedding's other rows and experts that it does not take, and the cache.
 */
export function bytesReadPerToken(spec: DecoderSpec, type: RunType, context: number): number {
  // A tied embedding is the vocabulary projection as well, if that has no copy of its own.
  const plan = storagePlan(spec, type)
  const isRead = ({ name, kind }: Parameter) =>
    kind !== 'embedding' ||
    (name === headName(spec) && !plan.some((other) => other.name === name && other.kind === 'linear'))
  const { perToken, count } = spec.experts ?? { perToken: 1, count: 1 }
  const weights = plan.filter(isRead).reduce((sum, parameter) => {
    const { values, scales } = storedBytes(parameter)
    return sum + (values + scales) * (isOfExpert(parameter.name) ? perToken / count : 1)
  }, 0)
  return weights + floatBytes(type) * numbersRead(spec, context)
}

/**
 * What `--dtype auto` picks: what comes nearest to the linear layers' storage, and int8 where float32 does not fit
 * in `memory` (bytes).
 */
export function autoRunType(spec: DecoderSpec, store: WeightStore, memory: number): RunType {
  const sizes = new Map<RunType, number>()
  for (const { name, kind } of parametersOf(spec)) {
    const info = store.tensors.get(name)
    if (kind !== 'linear' || !info) continue
    const type = nearestRunType(info.dtype)
    sizes.set(type, (sizes.get(type) ?? 0) + info.byteLength)
  }
  const [largest] = [...sizes].sort((a, b) => b[1] - a[1])[0] ?? ['fp32']
  return largest === 'fp32' && weightBytes(spec, 'fp32') > memory ? 'int8' : largest
}

function nearestRunType(dtype: DType): RunType {
  const bits = bitsPerWeight(dtype)
  // Q4_1 has 5 with its scales, and Q5_0 5.5.
  if (bits <= 5) return 'int4'
  return bits < 16 ? 'int8' : 'fp32'
}

/**
 * @throws UserError naming the first parameter that the file holds in a type that cannot be read, that it lacks, or that it holds in
 *   another shape.
 */
export function checkParameters(
  spec: DecoderSpec,
  store: Pick<WeightStore, 'tensors' | 'unreadable'>,
  origin: string,
): void {
  checkTensors(parametersOf(spec), store, origin)
}

/** The same of any tensors. */
export function checkTensors(
  parameters: readonly Pick<Parameter, 'name' | 'shape'>[],
  { tensors, unreadable }: Pick<WeightStore, 'tensors' | 'unreadable'>,
  origin: string,
): void {
  const wrong = parameters.find(({ name }) => unreadable.has(name))
  if (wrong) {
    throw new UserError(
      `Tensor ${wrong.name} of ${origin} has the dtype ${unreadable.get(wrong.name)}, which is not supported: use a checkpoint in ${SAFETENSORS_TYPES.join(', ')}.`,
    )
  }
  for (const { name, shape } of parameters) {
    const info = tensors.get(name)
    if (!info) throw new UserError(`${origin} has no tensor ${name}, which its configuration asks for.`)
    if (info.shape.length !== shape.length || info.shape.some((size, i) => size !== shape[i])) {
      throw new UserError(
        `Tensor ${name} of ${origin} has the shape [${info.shape}], but its configuration asks for [${shape}].`,
      )
    }
  }
}
