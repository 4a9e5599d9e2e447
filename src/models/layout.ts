import { FUSED, type Parameter, parametersOf } from './parameters.js'
import type { DecoderSpec } from './spec.js'

/** How a checkpoint holds the parameters, as far as it is not a tensor each by its own name, [out, in]. */
export interface StoredLayout {
  /** Its names of modules by ours: a block's own without the block's name (`self_attn.o_proj`), others whole (`model.norm`). */
  readonly modules?: Readonly<Record<string, string>>
  /** What a block's name begins with; `model.layers` by default. */
  readonly blocks?: string
  /** Projections of `FUSED` that lie in one tensor, by its name in a block (`self_attn.qkv_proj`). */
  readonly fused?: Readonly<Record<string, FusedOrder>>
  /**
   * Tensors of a block, by their whole names in it, that hold what all experts have, [experts, rows, in], each with the projections of
   * an expert whose rows it stacks.
   */
  readonly joined?: Readonly<Record<string, readonly string[]>>
  /** What holds instead for checkpoints that have a tensor whose name ends so. */
  readonly variants?: Readonly<Record<string, StoredLayout>>
  /** Linear layers of blocks lie as [in, out] (HF's `Conv1D`). */
  readonly transposed?: boolean
  /** Which of a head's rows the rotary embedding turns with which; by default row i with row i + headDim / 2. */
  readonly rotary?: RotaryPairs
  /** What names begin with (HF's `base_model_prefix`), which checkpoints of the model without its head leave out; `model` by default. */
  readonly base?: string
  /** Other beginnings of names, by the one that they stand for: the text model of a wrapper. */
  readonly prefixes?: Readonly<Record<string, string>>
  /** Tensors that are not the model's: causal masks, the parts of a wrapper that see. */
  readonly ignored?: RegExp
}

/** `stacked`: the rows of one projection below those of another; `by head`: a head's query, key and value, then the next head's. */
export type FusedOrder = 'stacked' | 'by head'

/** Of the first `rotated` dimensions of a head, pair i is (2i, 2i + 1) where `interleaved`, else (i, i + rotated / 2). */
export interface RotaryPairs {
  readonly interleaved: boolean
  readonly rotated: number
}

/** What a parameter is made of: rows of a checkpoint's tensor, which may lie there as columns. */
export interface StoredRows {
  readonly tensor: string
  /** The tensor's shape. */
  readonly shape: readonly number[]
  /** The tensor's row for each of the parameter's; undefined: all of them, in their order. */
  readonly rows?: Int32Array
  readonly transposed: boolean
}

const BLOCK = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/

/** Where a checkpoint holds each parameter, by its name; a vocabulary projection of its own is among them even if it is tied. */
export function storedRows(spec: DecoderSpec, layout: StoredLayout): Map<string, StoredRows> {
  const parameters = parametersOf({ ...spec, tiedHead: false })
  const sizes = new Map(parameters.map(({ name, shape }) => [name, shape[0]]))
  return new Map(
    parameters.map((parameter) => [parameter.name, rowsOfParameter(parameter, sizes, spec, layout)]),
  )
}

function rowsOfParameter(
  { name, kind, shape }: Parameter,
  sizes: ReadonlyMap<string, number>,
  { headDim }: DecoderSpec,
  layout: StoredLayout,
): StoredRows {
  const { modules = {}, blocks = 'model.layers', fused = {}, transposed = false, rotary } = layout
  const [, layer, module, suffix] = BLOCK.exec(name) ?? []
  if (module === undefined) {
    const [, whole, end] = /^(.+)\.(weight|bias)$/.exec(name)!
    return { tensor: `${modules[whole] ?? whole}.${end}`, shape, transposed: false }
  }
  const nameOf = (each: string) => `${blocks}.${layer}.${modules[each] ?? each}.${suffix}`
  const isTransposed = transposed && kind === 'linear'
  const stored = (tensor: string, count: number, rows?: Int32Array): StoredRows => {
    const whole = [count, ...shape.slice(1)]
    return { tensor, shape: isTransposed ? whole.toReversed() : whole, rows, transposed: isTransposed }
  }
  const own =
    rotary && /^self_attn\.[qk]_(proj|norm)$/.test(module) ? rotaryRows(shape[0], headDim, rotary) : undefined
  const ofAll = joinedRows(module, layout, (each) => sizes.get(`model.layers.${layer}.${each}.${suffix}`))
  if (ofAll) {
    const { tensor, first, count } = ofAll
    return stored(
      `${blocks}.${layer}.${tensor}`,
      count,
      Int32Array.from({ length: shape[0] }, (_, row) => first + row),
    )
  }
  const group = fusedGroup(module, fused)
  if (!group) return stored(nameOf(module), shape[0], own)
  const counts = group.parts.map((part) => sizes.get(`model.layers.${layer}.${part}.${suffix}`)!)
  const index = group.parts.indexOf(module)
  const before = counts.slice(0, index).reduce((sum, count) => sum + count, 0)
  const place = (row: number) =>
    group.order === 'stacked'
      ? before + row
      : Math.floor(row / headDim) * headDim * counts.length + index * headDim + (row % headDim)
  const rows = Int32Array.from({ length: shape[0] }, (_, row) => place(own?.[row] ?? row))
  return stored(
    nameOf(group.name),
    counts.reduce((sum, count) => sum + count, 0),
    rows,
  )
}

/**
 * The tensor that an expert's projection lies in with those of all experts, the first of its rows there, counted through all experts,
 * and how many rows there are.
 * @param sizeOf rows of a module of the block; undefined for one that it does not have
 */
function joinedRows(
  module: string,
  { joined = {} }: StoredLayout,
  sizeOf: (module: string) => number | undefined,
) {
  const [, parent, expert, own] = /^(.+)\.(\d+)\.(\w+)$/.exec(module) ?? []
  const [tensor, parts] = Object.entries(joined).find(([, each]) => each.includes(own)) ?? []
  if (!tensor || !parts) return undefined
  const rowsOf = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + sizeOf(`${parent}.${expert}.${name}`)!, 0)
  let experts = 0
  while (sizeOf(`${parent}.${experts}.${own}`) !== undefined) experts++
  const each = rowsOf(parts)
  const first = Number(expert) * each + rowsOf(parts.slice(0, parts.indexOf(own)))
  return { tensor, first, count: experts * each }
}

/** The tensor that a projection lies in with others, and these, as modules of a block. */
function fusedGroup(module: string, fused: Readonly<Record<string, FusedOrder>>) {
  const [, parent, own] = /^(.+)\.(\w+)$/.exec(module) ?? []
  for (const { name, parts } of Object.values(FUSED)) {
    const order = fused[`${parent}.${name}`]
    if (!order || !(parts as readonly string[]).includes(own)) continue
    return { name: `${parent}.${name}`, parts: parts.map((part) => `${parent}.${part}`), order }
  }
  return undefined
}

/**
 * The stored row for each of `count` rows, headDim a head, of which the graph turns row i with row i + headDim / 2: pairs that are
 * not rotated, whose frequency is 0, fill what is left.
 */
function rotaryRows(count: number, headDim: number, { interleaved, rotated }: RotaryPairs): Int32Array {
  const [half, pairs] = [headDim / 2, rotated / 2]
  const inHead = (row: number) => {
    const [pair, second] = [row % half, row >= half]
    if (pair >= pairs) return rotated + (pair - pairs) + (second ? half - pairs : 0)
    return interleaved ? 2 * pair + Number(second) : pair + (second ? pairs : 0)
  }
  return Int32Array.from({ length: count }, (_, row) => row - (row % headDim) + inHead(row % headDim))
}

/** A tensor of a checkpoint, row-major in the order of its shape. */
export interface StoredTensor {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** A tensor of a checkpoint, made of parameters: the inverse of `StoredRows`. */
export interface StoredParts {
  readonly shape: readonly number[]
  readonly parts: readonly (Pick<StoredRows, 'rows' | 'transposed'> & { readonly name: string })[]
}

/** What each tensor of a checkpoint is made of, by its name there. */
export function storedParts(spec: DecoderSpec, layout: StoredLayout): Map<string, StoredParts> {
  const result = new Map<string, StoredParts>()
  const places = storedRows(spec, layout)
  for (const { name, kind } of parametersOf(spec)) {
    const { tensor, shape, rows, transposed } = places.get(name)!
    const parts = result.get(tensor)?.parts ?? []
    // PyTorch's Conv1d has the kernels of its channels as [channels, 1, kernel].
    const whole = kind === 'kernels' ? [shape[0], 1, shape[1]] : shape
    result.set(tensor, { shape: whole, parts: [...parts, { name, rows, transposed }] })
  }
  return result
}

/** The one parameter that a tensor is as it lies there; undefined for a tensor that has to be assembled. */
export function partOf({ parts: [first, ...others] }: StoredParts): string | undefined {
  return others.length > 0 || first.rows || first.transposed ? undefined : first.name
}

/** A tensor's values. @param values of its parts, in their order; where it is one as it is, these and no copy */
export function assembled(stored: StoredParts, values: readonly Float32Array[]): Float32Array {
  if (partOf(stored) !== undefined) return values[0]
  const { shape, parts } = stored
  const result = new Float32Array(shape.reduce((product, size) => product * size, 1))
  for (const [part, { rows, transposed }] of parts.entries()) {
    const source = values[part]
    const width = (transposed ? shape[0] : shape[1]) ?? 1
    for (let row = 0; row * width < source.length; row++) {
      const target = rows?.[row] ?? row
      if (!transposed) result.set(source.subarray(row * width, (row + 1) * width), target * width)
      else for (let i = 0; i < width; i++) result[i * shape[1] + target] = source[row * width + i]
    }
  }
  return result
}

/**
 * The tensors of a checkpoint that hold these parameters: the inverse of reading them.
 * @param weights by our names, in float32
 */
export function storedWeights(
  spec: DecoderSpec,
  layout: StoredLayout,
  weights: ReadonlyMap<string, Float32Array>,
): Map<string, StoredTensor> {
  const tensors = [...storedParts(spec, layout)].map(([tensor, stored]): [string, StoredTensor] => {
    const own = stored.parts.map(({ name }) => weights.get(name)!)
    return [tensor, { shape: stored.shape, values: assembled(stored, own) }]
  })
  return new Map(tensors)
}

/** A name by that which its beginning stands for. */
export function prefixedName({ prefixes = {} }: Pick<StoredLayout, 'prefixes'>, name: string): string {
  const prefix = Object.keys(prefixes).find((each) => name.startsWith(each))
  return prefix === undefined ? name : prefixes[prefix] + name.slice(prefix.length)
}

/** The layout of a checkpoint with tensors of these names. */
export function variantOf(layout: StoredLayout, names: Iterable<string>): StoredLayout {
  const all = [...names]
  const variant = Object.entries(layout.variants ?? {}).find(([end]) =>
    all.some((name) => name.endsWith(end)),
  )
  return variant?.[1] ?? layout
}

/**
 * The checkpoint's own names by those that its layout tells of: other beginnings, and none where the model without its head was saved.
 * @param names of all tensors of a checkpoint
 */
export function layoutName(layout: StoredLayout, names: ReadonlySet<string>) {
  const { base = 'model', modules = {} } = layout
  const prefixed = (name: string) => prefixedName(layout, name)
  const embedding = `${modules['model.embed_tokens'] ?? 'model.embed_tokens'}.weight`
  const head = `${modules.lm_head ?? 'lm_head'}.weight`
  const known = new Set([...names].map(prefixed))
  const isBare = !known.has(embedding) && known.has(embedding.slice(base.length + 1))
  return (name: string) => {
    const whole = prefixed(name)
    return isBare && whole !== head ? `${base}.${whole}` : whole
  }
}
