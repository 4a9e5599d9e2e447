import { median, table } from '../common.js'
import type { EngineName, Measurement, Side, Task } from './measure.js'

/** All rounds of one model. */
export interface Results {
  readonly task: Task
  readonly sides: readonly (Side & { readonly rounds: readonly Measurement[] })[]
  /** Read bandwidth by round, GB/s. */
  readonly bandwidth: readonly number[]
  /** Bytes that a decoded token reads in fp32, by context: weights, keys and values. */
  readonly bytesPerToken: readonly number[]
  /** Bytes of our weights by dtype. */
  readonly weightBytes: Readonly<Record<string, number>>
}

/** A target of the comparison with what was reached. */
export interface Target {
  readonly name: string
  readonly reached: number
  readonly wanted: number
  /** Whether less is better. */
  readonly atMost?: boolean
  readonly unit: string
}

const MEMORY_ALLOWANCE = 250e6
/** Bytes: a smaller model is read from the processor's caches, and memory bandwidth is no limit. */
const BEYOND_CACHES = 256e6
/** Our dtype and the file of llama.cpp with as many bits. */
const LLAMA_CPP: Readonly<Record<string, string>> = { fp32: 'f32', int8: 'q8_0', int4: 'q4_0' }
/** transformers.js copies its cache each step, so the lead has to grow with the context. */
const overTransformersJs = (context: number) => (context < 1024 ? 1.3 : 1.5)

export function targets(results: Results): Target[] {
  return [
    ...decodeTargets(results),
    ...bandwidthTargets(results),
    ...prefillTargets(results),
    ...memoryTargets(results),
  ]
}

export function isMet({ reached, wanted, atMost }: Target): boolean {
  return atMost ? reached <= wanted : reached >= wanted
}

function decodeTargets(results: Results): Target[] {
  const { contexts } = results.task
  const compare = (dtype: string, peer: EngineName, variant: string, wanted: (context: number) => number) =>
    contexts.flatMap((context, i) => {
      // Times, so that more of the peer's is better.
      const ratio = ratioOfRounds(results, { engine: peer, variant }, dtype, (side) => side.decode[i])
      if (ratio === undefined) return []
      const name = `decode ${dtype} over ${peer} ${variant}, context ${context}`
      return [{ name, reached: ratio, wanted: wanted(context), unit: '×' }]
    })
  return [
    ...compare('fp32', 'transformers.js', 'fp32', overTransformersJs),
    ...Object.entries(LLAMA_CPP).flatMap(([dtype, variant]) => compare(dtype, 'llama.cpp', variant, () => 1)),
  ]
}

function bandwidthTargets({ sides, bandwidth, bytesPerToken, task }: Results): Target[] {
  const fp32 = sides.find(({ engine, variant }) => engine === 'ours' && variant === 'fp32')
  if (!fp32 || bytesPerToken[0] < BEYOND_CACHES) return []
  const shares = fp32.rounds.map((round, i) => bytesPerToken[0] / 1e6 / round.decode[0] / bandwidth[i])
  const name = `decode fp32, share of read bandwidth, context ${task.contexts[0]}`
  return [{ name, reached: 100 * median(shares), wanted: 85, unit: '%' }]
}

/** Against the faster peer. */
function prefillTargets(results: Results): Target[] {
  const { task } = results
  return ['fp32', 'int8', 'int4'].flatMap((dtype) => {
    const peers = results.sides.filter(
      ({ engine, variant }) =>
        (engine === 'llama.cpp' && variant === LLAMA_CPP[dtype]) ||
        (engine === 'transformers.js' && variant === dtype),
    )
    const ratios = peers.flatMap((peer) => {
      const inverse = ratioOfRounds(results, peer, dtype, ({ prefill }) => 1 / prefill)
      return inverse === undefined ? [] : [inverse]
    })
    if (ratios.length === 0) return []
    const name = `prefill ${dtype} over the faster peer, ${task.prefill} tokens`
    // No target of the project for int4: it is only shown.
    return [{ name, reached: Math.min(...ratios), wanted: dtype === 'int4' ? 0 : 1, unit: '×' }]
  })
}

function memoryTargets({ sides, weightBytes }: Results): Target[] {
  return sides
    .filter(({ engine }) => engine === 'ours')
    .map(({ variant, rounds }) => {
      const peak = Math.max(...rounds.map(({ peakMemory }) => peakMemory))
      return {
        name: `peak memory ${variant} beyond its weights of ${(weightBytes[variant] / 1e6).toFixed(0)} MB`,
        reached: (peak - weightBytes[variant]) / 1e6,
        wanted: MEMORY_ALLOWANCE / 1e6,
        atMost: true,
        unit: ' MB',
      }
    })
}

/** The median over rounds of the peer's value divided by ours in the same round. */
function ratioOfRounds(
  { sides }: Results,
  peer: Side,
  dtype: string,
  value: (side: Measurement) => number,
): number | undefined {
  const find = (engine: EngineName, variant: string) =>
    sides.find((side) => side.engine === engine && side.variant === variant)?.rounds
  const ours = find('ours', dtype)
  const theirs = find(peer.engine, peer.variant)
  if (!ours || !theirs) return undefined
  return median(ours.map((round, i) => value(theirs[i]) / value(round)))
}

/** The medians and the targets as Markdown. */
export function markdown(results: Results): string {
  const { task, sides, bandwidth } = results
  const heads = task.contexts.flatMap((context) => [`ms/token at ${context}`, `tok/s at ${context}`])
  const rows = sides.map(({ engine, variant, rounds }) => [
    engine,
    variant,
    ...task.contexts.flatMap((_, i) => {
      const time = median(rounds.map(({ decode }) => decode[i]))
      return [time.toPrecision(3), (1e3 / time).toFixed(1)]
    }),
    median(rounds.map(({ prefill }) => prefill)).toFixed(0),
    (Math.max(...rounds.map(({ peakMemory }) => peakMemory)) / 1e6).toFixed(0),
  ])
  const outcome = targets(results).map((target) => {
    const sign = target.atMost ? '≤' : '≥'
    const [reached, wanted] = [target.reached, target.wanted].map((value) => `${format(value)}${target.unit}`)
    if (target.wanted === 0) return [target.name, reached, '', '']
    return [target.name, reached, `${sign} ${wanted}`, isMet(target) ? 'met' : '**missed**']
  })
  return [
    table(['engine', 'weights', ...heads, `prefill of ${task.prefill}, tok/s`, 'peak MB'], rows),
    `Read bandwidth: ${median(bandwidth).toFixed(1)} GB/s.`,
    table(['target', 'reached', 'wanted', ''], outcome),
  ].join('\n\n')
}

function format(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(0)
}
