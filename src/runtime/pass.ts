import { UserError } from '../errors.js'
import type { EarlyExit, Output, StateName } from '../model/model.js'
import { INPUT_PREFIX } from '../models/decoder/cached-attention.js'
import { queryScales, rotaryTablesOf } from '../models/rope.js'
import { type AttentionSpan, type DecoderSpec, spansOf, windowOf } from '../models/spec.js'
import * as ort from './ort.js'

/** What a pass gives for an asked token. */
export interface AskedRow {
  readonly logits: Float32Array
  readonly exits: readonly EarlyExit[]
}

/** Those of all tokens of a run that were wanted, [T, hidden] each. */
export type States = ReadonlyMap<StateName, Float32Array>

/** The states that a graph gives. */
export function statesGiven(taps: readonly number[]): readonly StateName[] {
  return ['hidden', 'residual', ...taps]
}

/** @throws RangeError for the state of a layer that the model does not tap */
export function requireTapped(states: readonly StateName[], taps: readonly number[]): void {
  const missing = states.find((name) => typeof name === 'number' && !taps.includes(name))
  if (missing === undefined) return
  throw new RangeError(`The model taps no layer ${missing}: load it with that among its taps.`)
}

type Results = ort.OnnxValueMapType

export function int32(value: number): ort.Tensor {
  return new ort.Tensor('int32', [value], [1])
}

export function int64(values: readonly number[], shape: number[] = [values.length]): ort.Tensor {
  return new ort.Tensor('int64', BigInt64Array.from(values, BigInt), shape)
}

/**
 * The positions of tokens, where the model has learned ones.
 * @throws UserError for a position that it has not
 */
function positionFeeds(
  { learnedPositions, maxPositions }: DecoderSpec,
  positions: Int32Array,
): Record<string, ort.Tensor> {
  if (!learnedPositions) return {}
  const beyond = positions.find((position) => position >= maxPositions)
  if (beyond !== undefined) {
    throw new UserError(
      `The model has learned ${maxPositions} positions, and a text of ${beyond + 1} tokens needs more: shorten it.`,
    )
  }
  return { positions: int64([...positions], [1, positions.length]) }
}

/**
 * Positions, masks, rotary tables and scales of tokens.
 * @param mask by a window in tokens
 * @throws UserError for a position that is beyond learned ones
 */
export function attentionFeeds(
  spec: DecoderSpec,
  positions: Int32Array,
  mask: (window: number | undefined) => ort.Tensor,
): Record<string, ort.Tensor> {
  const { seen, rotated } = spansOf(spec)
  const table = (values: Float32Array, width: number) =>
    new ort.Tensor('float32', values, [positions.length, width])
  const named = (name: string, span: AttentionSpan) => `${INPUT_PREFIX[span]}${name}`
  const feeds = positionFeeds(spec, positions)
  for (const span of seen) feeds[named('mask', span)] = mask(windowOf(spec, span))
  for (const span of rotated) {
    const { cos, sin } = rotaryTablesOf(spec, span, positions)
    feeds[named('cos', span)] = table(cos, spec.headDim / 2)
    feeds[named('sin', span)] = table(sin, spec.headDim / 2)
  }
  if (spec.queryScale) feeds.query_scale = table(queryScales(spec.queryScale, positions), 1)
  return feeds
}

/** A result by its rows of `size`: views. */
export function rowsOf(results: Results, name: string, size: number): (row: number) => Float32Array {
  const values = results[name]?.data as Float32Array
  return (row) => values.subarray(row * size, (row + 1) * size)
}

/**
 * The results of the asked tokens of a run, by their place among them: views.
 * @param asked how many they are
 * @param logits their scores, and then those of their early exits
 */
export function askedRows(
  results: Results,
  asked: number,
  { exits, hiddenSize }: { readonly exits: readonly number[]; readonly hiddenSize: number },
  logits: (row: number) => Float32Array,
): (row: number) => AskedRow {
  const early = rowsOf(results, 'exits', hiddenSize)
  const exit = (row: number, index: number): EarlyExit => ({
    logits: logits((index + 1) * asked + row),
    hidden: early(index * asked + row),
  })
  return (row) => ({ logits: logits(row), exits: exits.map((_, index) => exit(row, index)) })
}

export function statesOf(results: Results, names: readonly StateName[]): States {
  return new Map(names.map((name) => [name, results[outputOfState(name)].data as Float32Array]))
}

/** The name of the graph's output. */
export function outputOfState(name: StateName): string {
  return typeof name === 'number' ? `tap.${name}` : name
}

/** Names of outputs as a run takes them. */
export function fetching(names: readonly string[]): Record<string, null> {
  return Object.fromEntries(names.map((name) => [name, null]))
}

/** What one pass gives, which may have taken several runs. */
export type TreeOutput = Output & Required<Pick<Output, 'residual' | 'tap' | 'exits'>>

/** What has come of a pass. */
export interface PassResults {
  /** By asked node. */
  readonly rows: ReadonlyMap<number, AskedRow>
  /** By chunk of its tokens: the states of a run, and where its own begin among them. */
  readonly states: readonly { readonly values: States; readonly first: number }[]
}

/** @param chunk tokens of each of the pass's runs but the last */
export function outputOf({ rows, states }: PassResults, chunk: number, hiddenSize: number): TreeOutput {
  const row = (node: number) => {
    const found = rows.get(node)
    if (!found) throw new RangeError(`Node ${node} was not asked for.`)
    return found
  }
  const state = (name: StateName, node: number) => {
    const { values, first } = states[Math.floor(node / chunk)]
    const start = (first + (node % chunk)) * hiddenSize
    const found = values.get(name)?.subarray(start, start + hiddenSize)
    if (found) return found
    const what = typeof name === 'number' ? `states of layer ${name}` : `${name} states`
    throw new RangeError(`The pass left out the ${what}: a drafter that reads them names them in its states.`)
  }
  return {
    logits: (node) => row(node).logits,
    hidden: (node) => state('hidden', node),
    residual: (node) => state('residual', node),
    tap: (node, layer) => state(layer, node),
    exits: (node) => row(node).exits,
  }
}
