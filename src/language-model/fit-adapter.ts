import { UserError } from '../errors.js'
import type { AdapterConfig } from '../models/adapter-config.js'
import { EMBEDDING, HEAD } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { transpose, type WeightStore } from '../weights/index.js'
import { addLowRank, setRowNorms } from '../weights/low-rank.js'
import { type Update, updated } from '../weights/updated.js'

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

/**
 * Finds out what each tensor of an adapter changes.
 * @throws UserError, by its name, for one that the model or the adapter's own configuration has no place for
 */
export function fitAdapter(
  adapter: OpenAdapter,
  spec: DecoderSpec,
  store: WeightStore,
): { spec: DecoderSpec; store: WeightStore } {
  return new Fitting(adapter, spec, store).fit()
}

class Fitting {
  /** What is saved of the base model itself, in the place of what the model has. */
  private readonly base = new Map<string, Update>()
  private readonly own = new Map<string, Update>()
  private readonly modules = new Map<string, Parts>()

  constructor(
    private readonly adapter: OpenAdapter,
    private readonly spec: DecoderSpec,
    private readonly store: WeightStore,
  ) {}

  fit(): { spec: DecoderSpec; store: WeightStore } {
    const { key, weights } = this.adapter
    const [wrong] = weights.unreadable
    if (wrong) throw this.fault(`its tensor ${wrong[0]} has the dtype ${wrong[1]}`)
    for (const name of weights.tensors.keys()) this.sort(name)
    for (const [module, parts] of this.modules) this.adapt(module, parts)
    const spec = this.untied()
    const updates = new Map([...this.base, ...this.own])
    return { spec, store: updated(this.store, updates, key, () => weights.close()) }
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
    const like = this.baseNameOf(name)
    this.requireShape(tensor, this.shapeOf(like, tensor))
    const update = { like, read: () => weights.read(tensor) }
    if (config.isSaved(name.replace(/\.(weight|bias)$/, ''))) this.own.set(name, update)
    else this.base.set(like, update)
  }

  /** The tensor of the model that a parameter begins as: a tied head is the embedding. */
  private baseNameOf(name: string): string {
    return name === HEAD && this.spec.tiedHead ? EMBEDDING : name
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
    const name = `${module}.weight`
    const like = this.baseNameOf(name)
    const [rows, columns] = this.shapeOf(like, a)
    if (columns === undefined) throw this.fault(`${module} has no matrix of weights`)
    // An embedding's update is (B A)ᵀ, and its magnitudes are those of columns.
    const [wide, narrow] = isEmbedding ? [columns, rows] : [rows, columns]
    const rank = config.rankOf(module)
    this.requireShape(a, [rank, narrow])
    this.requireShape(b, [wide, rank])
    if (magnitudes !== undefined) this.requireShape(magnitudes, [wide])
    if (bias !== undefined) this.adaptBias(module, bias, rows)
    const read = async () => {
      const [low, high] = [await weights.read(a), await weights.read(b)]
      const stored = await this.readBase(like)
      const values = isEmbedding ? transpose(stored, rows, columns) : stored
      addLowRank(values, narrow, { narrow: low, wide: high, rank, scale: config.scaleOf(module) })
      if (magnitudes !== undefined) setRowNorms(values, await weights.read(magnitudes))
      return isEmbedding ? transpose(values, columns, rows) : values
    }
    this.own.set(name, { like, read })
  }

  /** B's own bias, times the scale, is added to the module's. */
  private adaptBias(module: string, tensor: string, rows: number): void {
    const { config, weights } = this.adapter
    const name = `${module}.bias`
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
    const { spec, own } = this
    if (!spec.tiedHead || !(own.has(EMBEDDING) || own.has(HEAD))) return spec
    if (this.adapter.config.keepsTies) {
      throw this.fault('ensure_weight_tying is set, and the embedding is that of the vocabulary projection')
    }
    if (!own.has(HEAD)) own.set(HEAD, { like: EMBEDDING, read: () => this.readBase(EMBEDDING) })
    return { ...spec, tiedHead: false }
  }
}
