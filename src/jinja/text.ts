import { spendText } from './meter.js'

/** Texts by code points, as Python counts them; most have none beyond 16 bits and are their own. */

const isWide = (text: string) => /[\ud800-\udfff]/.test(text)

export function lengthOf(text: string): number {
  if (!isWide(text)) return text.length
  let length = 0
  for (const _ of text) length++
  return length
}

export function characters(text: string): string[] {
  spendText(text.length * 8)
  return isWide(text) ? Array.from(text) : text.split('')
}

/** The character at a place within the text. */
export function characterAt(text: string, place: number): string {
  return isWide(text) ? characters(text)[place] : text[place]
}

/** The place of `search` at or after `from` and before `to`, from the start or the end; -1 where it is not there. */
export function find(text: string, search: string, from: number, to: number, isLast: boolean): number {
  if (from > to) return -1
  const range = slice(text, from, to)
  const unit = isLast ? range.lastIndexOf(search) : range.indexOf(search)
  return unit < 0 ? -1 : from + lengthOf(range.slice(0, unit))
}

/** `text[from:to]` for places within the text. */
export function slice(text: string, from: number, to: number): string {
  spendText(text.length)
  return isWide(text) ? Array.from(text).slice(from, to).join('') : text.slice(from, to)
}

export function join(parts: readonly string[], separator = ''): string {
  let length = separator.length * Math.max(0, parts.length - 1)
  for (const part of parts) length += part.length
  spendText(length)
  return parts.join(separator)
}

export function repeat(text: string, times: number): string {
  const count = Math.max(0, times)
  spendText(text.length * count)
  return text.repeat(count)
}

/** The greatest and least of a slice's bounds, and its step, within a length: Python's `slice.indices`. */
export function sliceIndices(
  length: number,
  start: number | undefined,
  stop: number | undefined,
  step: number,
): { start: number; stop: number } {
  const least = step < 0 ? -1 : 0
  const most = step < 0 ? length - 1 : length
  const clamp = (bound: number | undefined, missing: number) => {
    if (bound === undefined) return missing
    return bound < 0 ? Math.max(bound + length, least) : Math.min(bound, most)
  }
  return {
    start: clamp(start, step < 0 ? most : least),
    stop: clamp(stop, step < 0 ? least : most),
  }
}

/** The items of a slice. */
export function sliced<T>(items: ArrayLike<T>, start: number, stop: number, step: number): T[] {
  const result: T[] = []
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) result.push(items[i])
  spendText(result.length * 16)
  return result
}
