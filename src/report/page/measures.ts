import type { Estimate } from '../comparison.js'

/** How numbers of one kind are shown. */
export interface Measure {
  readonly unit: string
  /** What a number is multiplied by before it is shown. */
  readonly scale: number
  /** Decimals; without them as many as give the largest of the numbers three digits. */
  readonly decimals?: number
}

export const SPEED: Measure = { unit: 'tok/s', scale: 1 }
export const RATIO: Measure = { unit: '×', scale: 1, decimals: 2 }
export const MILLISECONDS: Measure = { unit: 'ms', scale: 1e3 }
export const TOKENS: Measure = { unit: '', scale: 1, decimals: 2 }
export const PERCENT: Measure = { unit: '%', scale: 100, decimals: 1 }
export const MEBIBYTES: Measure = { unit: 'MiB', scale: 2 ** -20, decimals: 0 }
export const COUNT: Measure = { unit: '', scale: 1, decimals: 0 }
export const PLAIN: Measure = { unit: '', scale: 1 }
export const LOG_PROBABILITY: Measure = { unit: '', scale: 1, decimals: 3 }

/** A number that may be missing; JSON has null for one that is not finite. */
export type Figure = number | null | undefined

export const isNumber = (value: Figure): value is number => Number.isFinite(value)

/** Writes numbers that stand in one column, all with the same decimals; a missing one is a dash. */
export function formatter(
  { scale, decimals }: Measure,
  values: readonly Figure[],
): (value: Figure) => string {
  const digits = decimals ?? decimalsOf(values.filter(isNumber).map((value) => value * scale))
  return (value) => (isNumber(value) ? (value * scale).toFixed(digits).replace('-', '\u2212') : '–')
}

function decimalsOf(values: readonly number[]): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return largest === 0 ? 0 : Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(largest))))
}

/** `low–high`. */
export function interval(
  format: (value: Figure) => string,
  { low, high }: Pick<Estimate, 'low' | 'high'>,
): string {
  return `${format(low)}–${format(high)}`
}
