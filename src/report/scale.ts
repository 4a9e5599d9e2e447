/** An axis: where its values lie, and which of them are named. */
export interface Scale {
  /** Ascending; 1, 2 or 5 times a power of ten apart, or themselves such numbers on a wide logarithmic axis. */
  readonly ticks: readonly number[]
  /** 0 at the start of the axis, 1 at its end. */
  position(value: number): number
  /** A tick in few characters. */
  label(tick: number): string
}

/** The least and the greatest of some values. */
export type Extent = readonly [low: number, high: number]

/** Of at least one value: in a loop, since a call takes only so many arguments. */
export function extentOf(values: readonly number[]): Extent {
  let [low, high] = [values[0], values[0]]
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return [low, high]
}

/**
 * A linear axis with about `count` ticks.
 * @param extend whether the axis goes on to the ticks around the values; otherwise it ends with them
 */
export function linearScale(extent: Extent, count: number, extend: boolean): Scale {
  const [low, high] = widened(extent, Math.abs(extent[0]) / 10 || 1)
  const ticks = niceTicks([low, high], count, extend)
  const [start, end] = extend ? [ticks[0], ticks.at(-1)!] : [low, high]
  const largest = Math.max(Math.abs(ticks[0]), Math.abs(ticks.at(-1)!))
  return {
    ticks,
    position: (value) => (value - start) / (end - start),
    label: (tick) => formatTick(tick, largest),
  }
}

/** A logarithmic axis (values above 0) that goes on to the ticks around the values. */
export function logScale(extent: Extent, count: number): Scale {
  const [low, high] = widened(extent, extent[0] / 10)
  // Within less than a decade the 1-2-5 series names too few values.
  const ticks = high / low < 3 ? niceTicks([low, high], count, true) : decadeTicks([low, high], count)
  const [start, end] = [Math.log(ticks[0]), Math.log(ticks.at(-1)!)]
  return {
    ticks,
    position: (value) => (Math.log(value) - start) / (end - start),
    label: (tick) => formatTick(tick),
  }
}

/** An axis needs a length, which equal values do not give it. */
function widened([low, high]: Extent, by: number): Extent {
  return low === high ? [low - by, high + by] : [low, high]
}

function niceTicks([low, high]: Extent, count: number, around: boolean): number[] {
  const { factor, power } = niceStep((high - low) / count)
  // Multiplied or divided by a whole number, so that 3 steps of 0.1 are 0.3.
  const tick = (i: number) => (power < 0 ? (i * factor) / 10 ** -power : i * factor * 10 ** power)
  const [floor, ceil] = around ? [Math.floor, Math.ceil] : [Math.ceil, Math.floor]
  const first = floor(low / tick(1) + (around ? 1e-9 : -1e-9))
  const last = ceil(high / tick(1) + (around ? -1e-9 : 1e-9))
  return Array.from({ length: last - first + 1 }, (_, i) => tick(first + i))
}

/** The least 1, 2 or 5 times a power of ten that is no less than `step`. */
function niceStep(step: number): { factor: number; power: number } {
  const power = Math.floor(Math.log10(step))
  const factor = [1, 2, 5].find((one) => one * 10 ** power >= step * (1 - 1e-9))
  return factor === undefined ? { factor: 1, power: power + 1 } : { factor, power }
}

/** 1, 2 and 5 of each decade, or whole decades where those would be too many. */
function decadeTicks([low, high]: Extent, count: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))]
  const every = Math.ceil((last - first) / count)
  const factors = (last - first) * 3 <= 2 * count ? [1, 2, 5] : [1]
  const ticks: number[] = []
  for (let power = first; power < last + every; power += every) {
    for (const factor of factors) ticks.push(Number(`${factor}e${power}`))
  }
  const start = ticks.findLastIndex((tick) => tick <= low * (1 + 1e-9))
  const end = ticks.findIndex((tick) => tick >= high * (1 - 1e-9))
  return ticks.slice(Math.max(start, 0), end < 0 ? undefined : end + 1)
}

const UNITS: readonly [number, string][] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
]

/**
 * A tick in few characters: `0.25`, `3e-4`, `20k`.
 * @param like a number of the size that decides which of these it is
 */
export function formatTick(value: number, like = value): string {
  const size = Math.abs(like)
  const digits = Number(value.toPrecision(12))
  if (value === 0) return '0'
  if (size >= 1e12 || size < 1e-2) return digits.toExponential().replace('e+', 'e')
  const [unit, letter] = UNITS.find(([one]) => size >= one && size >= 1e4) ?? [1, '']
  return `${digits / unit}${letter}`
}
