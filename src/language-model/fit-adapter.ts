import { UserError } from '../errors.js'
import type { AdapterConfig } from '../models/adapter-config.js'
import { prefixedName, type StoredLayout, storedRows } from '../models/layout.js'
import { EMBEDDING, HEAD, parametersOf } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { rowsIn, transpose, type WeightStore } from '../weights/index.js'
import { addLowRank, setRowNorms } from '../weights/low-rank.js'
import { type Update, updated } from '../weights/updated.js'
import { checkpointOf } from './checkpoint.js'

/** An adapter, read as far as it has to be to be fitted to a model. */
export interface OpenAdapter {
  /** Its directory, for messages. */
  readonly origin: string
  /** What tells it from others. */
  readonly key: string
  readonly config: AdapterConfig
  readonly weights: WeightStore
}

/** The tensors of one adapted module, by their names in the adapter; those of an embedding have shapes of their own. */
interface Parts {
  a?: string
  b?: string
  /** Of B. */
  bias?: string
  magnitudes?: string
  isEmbedding: boolean
}

/** How PEFT names the tensors of a module that it adapts. */
const PART = /^(.+)\.(?:lora_(A|B)\.(weight|bias)|lora_embedding_(A|B)|lora_(magnitude)_vector(?:\.weight)?)$/
const PREFIX = 'base_model.model.'

/** The model that an adapter is fitted to: its parameters, and how a checkpoint, whose modules were adapted, holds them. */
export interface AdaptedModel {
  readonly spec: DecoderSpec
  readonly layout: StoredLayout
  readonly store: WeightStore
}

/**
 * Finds out what each tensor of an adapter changes. Its names are those of HF's modules: a projection that lies in one tensor with
 * others was adapted with these.
 * @throws UserError, by its name, for one that the model or the adapter's own configuration has no place for
 */
export function fitAdapter(
  adapter: OpenAdapter,
  { spec, layout, store }: AdaptedModel,
): Pick<AdaptedModel, 'spec' | 'store'> {
  const fitted = new Fitting(adapter, spec, layout, checkpointOf(store, spec, layout)).fit()
  const updates = parameterUpdates(fitted, layout, store)
  const { key, weights } = adapter
  return { spec: fitted.spec, store: updated(store, updates, key, () => weights.close()) }
}

interface Fitted {
  readonly spec: DecoderSpec
  /** By the names of a checkpoint's tensors. */
  readonly updates: ReadonlyMap<string, Update>
}

/** The same of parameters: what was changed of the tensors that they are rows of. */
function parameterUpdates(
  { spec, updates }: Fitted,
  layout: StoredLayout,
  store: WeightStore,
): Map<string, Update> {
  /** The last one that was read: projections that lie in one are read one after the other. */
  let last: { tensor: string; values: Promise<Float32Array> } | undefined
  const fused = (tensor: string) => {
    if (last?.tensor !== tensor) last = { tensor, values: updates.get(tensor)!.read() }
    return last.values
  }
  const places = storedRows(spec, layout)
  const names = parametersOf(spec).map(({ name }) => name)
  return new Map(
    names.flatMap((name): [string, Update][] => {
      const place = places.get(name)!
      const update = updates.get(place.tensor)
      if (!update) return []
      const like = store.tensors.has(name) ? name : EMBEDDING
      const values = () => (place.rows ? fused(place.tensor) : update.read())
      return [[name, { like, read: async () => rowsIn(await values(), place.shape, place) }]]
    }),
  )
}

class Fitting {
  /** What is saved of the base model itself, in the place of what the model has. */
  private readonly base = new Map<string, Update>()
  private readonly own = new Map<string, Update>()
  private readonly modules = new Map<string, Parts>()
  private readonly embedding: string
  private readonly head: string
  /** Matrices that lie as [in, out]. */
  private readonly turned: ReadonlySet<string>

  /** @param store of a checkpoint's tensors, as the layout tells of them */
  constructor(
    private readonly adapter: OpenAdapter,
    private readonly spec: DecoderSpec,
    private readonly layout: StoredLayout,
    private readonly store: WeightStore,
  ) {
    const places = storedRows(spec, layout)
    this.embedding = places.get(EMBEDDING)!.tensor
    this.head = places.get(HEAD)!.tensor
    this.turned = new Set([...places.values()].flatMap((place) => (place.transposed ? place.tensor : [])))
  }

  fit(): Fitted {
    const { weights } = this.adapter
    const [wrong] = weights.unreadable
    if (wrong) throw this.fault(`its tensor ${wrong[0]} has the dtype ${wrong[1]}`)
    for (const name of weights.tensors.keys()) this.sort(name)
    for (const [module, parts] of this.modules) this.adapt(module, parts)
    const spec = this.untied()
    const updates = new Map([...this.base, ...this.own])
    if (updates.size === 0) throw this.fault('it has no tensor for the text model')
    return { spec, updates }
  }

  private fault(what: string): UserError {
    const { origin, config } = this.adapter
    const remedy = config.base === undefined ? '' : ` It was made for ${config.base}.`
    return new UserError(`The adapter ${origin} cannot be applied: ${what}.${remedy}`)
  }

  /** Takes a tensor as a part of a module's update, as a module that was trained whole, or as values of the base model. */
  private sort(tensor: string): void {
    if (!tensor.startsWith(PREFIX)) throw this.fault(`it has the tensor ${tensor}, which is not PEFT's`)
    const name = tensor.slice(PREFIX.length)
    if (this.layout.ignored?.test(name)) return
    const [, module, part, kind, ofEmbedding, magnitude] = PART.exec(name) ?? []
    if (module === undefined) {
      this.replace(name.replace('.base_layer.', '.'), tensor)
      return
    }
    if (!this.adapter.config.isTarget(module)) {
      throw this.fault(`it has the tensor ${tensor}, and its configuration does not adapt ${module}`)
    }
    const parts = this.modules.get(module) ?? { isEmbedding: false }
    this.modules.set(module, parts)
    if (ofEmbedding !== undefined) parts.isEmbedding = true
    if (magnitude !== undefined) parts.magnitudes = tensor
    else if (kind === 'bias') parts.bias = tensor
    else parts[(part ?? ofEmbedding) === 'A' ? 'a' : 'b'] = tensor
  }

  private replace(name: string, tensor: string): void {
    const { config, weights } = this.adapter
    const like = this.baseNameOf(this.nameOf(name))
    this.requireShape(tensor, this.shapeOf(like, tensor))
    const update = { like, read: () => weights.read(tensor) }
    if (config.isSaved(name.replace(/\.(weight|bias)$/, ''))) this.own.set(this.nameOf(name), update)
    else this.base.set(like, update)
  }

  /** A checkpoint's name of a module's tensor, where a model with images has another. */
  private nameOf(name: string): string {
    return prefixedName(this.layout, name)
  }

  /** The tensor of the model that one begins as: a tied head is the embedding. */
  private baseNameOf(name: string): string {
    return name === this.head && this.spec.tiedHead ? this.embedding : name
  }

  private readBase(name: string): Promise<Float32Array> {
    return this.base.get(name)?.read() ?? this.store.read(name)
  }

  private adapt(module: string, { a, b, bias, magnitudes, isEmbedding }: Parts): void {
    const { config, weights } = this.adapter
    if (a === undefined || b === undefined) throw this.fault(`it has half of the tensors of ${module}`)
    if (config.hasMagnitudes !== (magnitudes !== undefined)) {
      throw this.fault(`use_dora is ${config.hasMagnitudes}, but not so the tensors of ${module}`)
    }
    const name = this.nameOf(`${module}.weight`)
    const like = this.baseNameOf(name)
    const [rows, columns] = this.shapeOf(like, a)
    if (columns === undefined) throw this.fault(`${module} has no matrix of weights`)
    // The update of an embedding, and of a matrix that lies as [in, out], is (B A)ᵀ, and its magnitudes are those of columns.
    const isTurned = isEmbedding || this.turned.has(like)
    const [wide, narrow] = isTurned ? [columns, rows] : [rows, columns]
    const rank = config.rankOf(module)
    this.requireShape(a, [rank, narrow])
    this.requireShape(b, [wide, rank])
    if (magnitudes !== undefined) this.requireShape(magnitudes, [wide])
    if (bias !== undefined) this.adaptBias(module, bias, wide)
    const read = async () => {
      const [low, high] = [await weights.read(a), await weights.read(b)]
      const stored = await this.readBase(like)
      const values = isTurned ? transpose(stored, rows, columns) : stored
      addLowRank(values, narrow, { narrow: low, wide: high, rank, scale: config.scaleOf(module) })
      if (magnitudes !== undefined) setRowNorms(values, await weights.read(magnitudes))
      return isTurned ? transpose(values, columns, rows) : values
    }
    this.own.set(name, { like, read })
  }

  /** B's own bias, times the scale, is added to the module's. */
  private adaptBias(module: string, tensor: string, rows: number): void {
    const { config, weights } = this.adapter
    const name = this.nameOf(`${module}.bias`)
    if (!config.hasBiases) throw this.fault(`it has the tensor ${tensor}, and lora_bias is not set`)
    if (!this.store.tensors.has(name))
      throw this.fault(`lora_bias is set, and ${module} has no bias to add to`)
    this.requireShape(tensor, [rows])
    const read = async () => {
      const [values, added] = [await this.readBase(name), await weights.read(tensor)]
      return values.map((value, i) => value + config.scaleOf(module) * added[i])
    }
    this.own.set(name, { like: name, read })
  }

  private shapeOf(name: string, tensor: string): readonly number[] {
    const info = this.store.tensors.get(name)
    if (info) return info.shape
    throw this.fault(`it has the tensor ${tensor}, for which the model has no ${name}`)
  }

  private requireShape(tensor: string, shape: readonly number[]): void {
    const own = this.adapter.weights.tensors.get(tensor)!.shape
    if (own.length === shape.length && own.every((size, i) => size === shape[i])) return
    throw this.fault(`its tensor ${tensor} has the shape [${own}], and [${shape}] is needed`)
  }

  /** A tied head that was trained apart from the embedding, or beside it, is one of its own, as in PEFT's model before it is merged. */
  private untied(): DecoderSpec {
    const { spec, own, embedding, head } = this
    if (!spec.tiedHead || !(own.has(embedding) || own.has(head))) return spec
    if (this.adapter.config.keepsTies) {
      throw this.fault('ensure_weight_tying is set, and the embedding is that of the vocabulary projection')
    }
    if (!own.has(head)) own.set(head, { like: embedding, read: () => this.readBase(embedding) })
    return { ...spec, tiedHead: false }
  }
}
