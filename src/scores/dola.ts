import type { GenerationConfig } from '../config/index.js'
import { usageError } from '../errors.js'
import { DelegatingModel, renumber } from '../model/delegate.js'
import type { ForwardOptions, KVCache, Model, Output } from '../model/model.js'
import type { DecoderSpec } from '../models/spec.js'
import { maximum } from '../strategies/ranking.js'
import { logSoftmax } from '../strategies/softmax.js'

/** The share of the best token's probability that a token must have. */
const RELATIVE_TOP = 0.1

type DolaLayers = NonNullable<GenerationConfig['dola_layers']>

type Layered = Pick<DecoderSpec, 'layers' | 'tiedHead'>

/**
 * The early exits that DoLa contrasts with the last layer, by HF's numbers of `hidden_states` (its `_dola_decoding`).
 * @throws UserError for layers that the model does not have, and where none is left
 */
export function dolaLayers(setting: DolaLayers, spec: Layered): number[] {
  const count = spec.layers.length
  const missing = Array.isArray(setting) ? setting.find((layer) => layer >= count) : undefined
  if (missing !== undefined) {
    throw usageError(`dola_layers names layer ${missing}, but the exits of this model are 0 to ${count - 1}.`)
  }
  const layers = Array.isArray(setting) ? setting : namedLayers(setting, count, spec.tiedHead)
  if (layers.length > 0) return [...layers]
  throw usageError(
    `dola_layers ${JSON.stringify(setting)} is no layer of a model of ${count}: give a list of layers.`,
  )
}

/** What settings ask of a model when it is loaded: DoLa's early exits. A setting that names none is refused where it is used. */
export function loadFor(settings: readonly unknown[]): { exits?: (spec: Layered) => number[] } {
  const asked = settings.filter((setting) => setting !== undefined && setting !== null)
  const exits = (spec: Layered) => [...new Set(asked.flatMap((setting) => exitsOf(setting, spec)))]
  return asked.length === 0 ? {} : { exits: (spec) => exits(spec).sort((a, b) => a - b) }
}

function exitsOf(setting: unknown, { layers: { length }, tiedHead }: Layered): number[] {
  if (setting === 'low' || setting === 'high') return namedLayers(setting, length, tiedHead)
  return Array.isArray(setting)
    ? setting.filter((layer) => Number.isInteger(layer) && layer >= 0 && layer < length)
    : []
}

/**
 * Whether a model was loaded with the exits that settings ask for.
 * @throws UserError as `dolaLayers`
 */
export function isLoadedFor(
  { model, spec }: { readonly model: Pick<Model, 'exits'>; readonly spec?: DecoderSpec },
  { dola_layers: setting }: GenerationConfig,
): boolean {
  // Without a specification it is refused where it is used.
  return (
    setting === undefined || !spec || dolaLayers(setting, spec).every((layer) => model.exits?.includes(layer))
  )
}

function namedLayers(name: 'low' | 'high', count: number, tied: boolean): number[] {
  const half = Math.floor(count / 2)
  if (name === 'high') return every2nd(count <= 40 ? half : count - 20, count)
  // A tied projection of the embedding would only say the last token again.
  const start = !tied || count === 1 ? 0 : count === 2 ? 1 : 2
  return start === half ? [start] : every2nd(start, count <= 40 ? half : 20)
}

function every2nd(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / 2)) }, (_, i) => from + 2 * i)
}

/**
 * A model under DoLa (Chuang et al. 2024; HF's `dola_layers`): processors start from the last layer's log-probabilities less
 * those of the early exit that differs most from it; its logits stay the model's own, as in HF. It works with any strategy.
 */
export class DolaModel extends DelegatingModel {
  private readonly indices: readonly number[]

  /** @throws UserError for a model that was loaded without `layers` as exits */
  constructor(model: Model, layers: readonly number[]) {
    super(model)
    this.indices = layers.map((layer) => model.exits?.indexOf(layer) ?? -1)
    if (this.indices.includes(-1)) {
      throw usageError(
        `dola_layers needs the layers ${layers.join(', ')}: load the model with exits: [${layers.join(', ')}].`,
      )
    }
  }

  override async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes?: readonly number[],
    { states, signal }: ForwardOptions = {},
  ): Promise<Output> {
    const output = await this.inner.forward(cache, tokens, parents, nodes, { states, signal })
    return {
      ...renumber(output),
      scores: (node, keepPossible) => {
        const exits = output.exits!(node)
        return contrast(
          output.logits(node),
          this.indices.map((i) => exits[i].logits),
          keepPossible,
        )
      },
    }
  }
}

/**
 * The last layer's log-probabilities less those of the exit with the largest Jensen-Shannon divergence from it, [vocab];
 * tokens with less than a tenth of the best one's probability are -Infinity (HF's `_dola_select_contrast`).
 * @param keepPossible sets log-probabilities of tokens that are out of the question to -Infinity
 */
export function contrast(
  logits: Float32Array,
  exits: readonly Float32Array[],
  keepPossible?: (logprobs: Float32Array) => void,
): Float32Array {
  const last = logSoftmax(logits.slice())
  const early = exits.map((exit) => logSoftmax(exit.slice()))
  const divergences = early.length > 1 ? early.map((exit) => divergence(last, exit)) : [0]
  const base = early[divergences.indexOf(Math.max(...divergences))]
  keepPossible?.(last)
  const threshold = maximum(last) + Math.log(RELATIVE_TOP)
  return last.map((score, token) => (score < threshold ? -Infinity : score - base[token]))
}

/** Jensen-Shannon divergence of two distributions of log-probabilities, as HF has it: means over the vocabulary of m log(m / p). */
function divergence(p: Float32Array, q: Float32Array): number {
  let sum = 0
  for (let i = 0; i < p.length; i++) {
    const mean = (Math.exp(p[i]) + Math.exp(q[i])) / 2
    if (mean > 0) sum += mean * (2 * Math.log(mean) - p[i] - q[i])
  }
  return sum / (2 * p.length)
}
