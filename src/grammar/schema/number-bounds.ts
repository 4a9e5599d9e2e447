import { Decimal } from '../regex/decimal.js'

/** Limits of numbers as decimal text; those that are absent do not limit. */
export interface NumberBounds {
  readonly minimum?: string
  readonly maximum?: string
  readonly exclusiveMinimum?: string
  readonly exclusiveMaximum?: string
  readonly multipleOf?: readonly string[]
  /** An integer by its value, 1.0 included, or by how it is spelt. */
  readonly isInteger?: 'value' | 'spelling'
}

/** The limits of numbers that keep all of these limits. */
export function mergedBounds(all: readonly NumberBounds[]): NumberBounds {
  if (all.length === 1) return all[0]
  const texts = (keyword: 'minimum' | 'maximum' | 'exclusiveMinimum' | 'exclusiveMaximum') =>
    all.map((bounds) => bounds[keyword]).filter((text) => text !== undefined)
  const limits = {
    minimum: greatest(texts('minimum')),
    maximum: least(texts('maximum')),
    exclusiveMinimum: greatest(texts('exclusiveMinimum')),
    exclusiveMaximum: least(texts('exclusiveMaximum')),
  }
  const multiples = [...new Set(all.flatMap(({ multipleOf }) => multipleOf ?? []))].sort()
  const integers = all.map(({ isInteger }) => isInteger).filter((kind) => kind !== undefined)
  const isInteger = integers.includes('spelling') ? 'spelling' : integers[0]
  return {
    ...Object.fromEntries(Object.entries(limits).filter(([, text]) => text !== undefined)),
    ...(multiples.length > 0 ? { multipleOf: multiples } : {}),
    ...(isInteger === undefined ? {} : { isInteger }),
  }
}

function greatest(texts: readonly string[]): string | undefined {
  return texts.reduce<string | undefined>(
    (best, text) => (best !== undefined && isLess(text, best) ? best : text),
    undefined,
  )
}

function least(texts: readonly string[]): string | undefined {
  return texts.reduce<string | undefined>(
    (best, text) => (best !== undefined && isLess(best, text) ? best : text),
    undefined,
  )
}

function isLess(a: string, b: string): boolean {
  const [x, y] = [Decimal.parse(a), Decimal.parse(b)]
  const scale = Math.max(x.scale, y.scale)
  return x.atScale(scale) < y.atScale(scale)
}
