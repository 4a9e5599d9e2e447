import type { Outcome } from './side.js'
import type { SchemaFile } from './workload.js'

export const VERDICTS = [
  'passes',
  'refused',
  'too slow',
  'valid refused',
  'invalid accepted',
  'both wrong',
] as const
export type Verdict = (typeof VERDICTS)[number]

/** How a file came out: it passes where each instance is accepted that is valid, and no other. */
export function verdictOf({ tests }: SchemaFile, { refused, isTooSlow, accepted }: Outcome): Verdict {
  if (refused !== undefined) return 'refused'
  if (isTooSlow) return 'too slow'
  const isLost = tests.some(({ valid }, i) => valid && !accepted[i])
  const isWrong = tests.some(({ valid }, i) => !valid && accepted[i])
  if (isLost && isWrong) return 'both wrong'
  return isLost ? 'valid refused' : isWrong ? 'invalid accepted' : 'passes'
}

/** Messages without what differs from file to file, with their number, the most frequent first. */
export function reasons(messages: readonly string[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const message of messages) {
    const kind = message
      .split('\n')[0]
      .replace(/#\/\S*:/g, '#…:')
      .replace(/"(?:[^"\\]|\\.)*"/g, '"…"')
      .slice(0, 160)
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return [...counts].sort(([, a], [, b]) => b - a)
}

export interface Summary {
  readonly masks: number
  readonly mean: number
  /** By share: 0.5, 0.9 … 1. */
  readonly quantiles: readonly number[]
}

export function summary(values: readonly number[], shares: readonly number[]): Summary {
  const sorted = Float64Array.from(values).sort()
  const last = sorted.length - 1
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  return { masks: sorted.length, mean, quantiles: shares.map((share) => sorted[Math.round(share * last)]) }
}

/** Three digits that count. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return ''
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
