import type { Regexes } from '../regex/nodes.js'
import { type Formula, type Formulas, Kind, NO_END, Type } from './formulas.js'
import { canonicalJson, isArray, isObject, type Json, JsonNumber } from './json.js'
import { inDigits } from './number-spellings.js'
import type { Types } from './types.js'

/** The type of a value as a bit. */
export function typeOf(value: Json): number {
  if (value === null) return Type.NULL
  if (typeof value === 'boolean') return value ? Type.TRUE : Type.FALSE
  if (typeof value === 'string') return Type.STRING
  if (value instanceof JsonNumber) return Type.NUMBER
  return isArray(value) ? Type.ARRAY : Type.OBJECT
}

/** Says of whole values whether formulas hold. */
export class FormulaEvaluator {
  constructor(
    private readonly types: Types,
    private readonly regexes: Regexes,
  ) {}

  private get formulas(): Formulas {
    return this.types.formulas
  }

  holds(formula: Formula, value: Json): boolean {
    return this.decide(this.types.restrict(formula, typeOf(value)), value)
  }

  private decide(formula: Formula, value: Json): boolean {
    const [kind, ...parts] = this.formulas.tuple(formula)
    switch (kind) {
      case Kind.CONSTANT:
        return parts[0] === 1
      case Kind.AND:
        return parts.every((part) => this.decide(part, value))
      case Kind.OR:
        return parts.some((part) => this.decide(part, value))
      case Kind.ONE:
        return parts.filter((part) => this.decide(part, value)).length === 1
      case Kind.NOT:
        return !this.decide(parts[0], value)
      case Kind.ORDER:
        return true
      case Kind.STRING:
        return this.matches(parts[0], JSON.stringify(value).slice(1, -1))
      case Kind.NUMBER:
        return this.matches(parts[0], inDigits((value as JsonNumber).text))
      case Kind.UNIQUE:
        return isArray(value) && new Set(value.map(canonicalJson)).size === value.length
      default:
        return this.counts(kind, parts, value)
    }
  }

  /** Derivatives alone: whether anything could still follow is not asked, which may take long to find out. */
  private matches(language: number, text: string): boolean {
    let rest = this.formulas.language(language).regex()
    this.regexes.charge(1 + (text.length >> 3))
    for (const byte of Buffer.from(text)) rest = this.regexes.derivative(rest, byte)
    return rest.nullable
  }

  private counts(kind: number, [count, ...parts]: readonly number[], value: Json): boolean {
    const { keys } = this.formulas
    let left = count
    if (kind === Kind.MEMBERS && isObject(value)) {
      for (const [name, member] of value)
        if (keys.has(parts[0], keys.known(keys.number(name))) && this.holds(parts[1], member)) left--
    } else if (kind === Kind.ITEMS && isArray(value)) {
      const [from, to, demand] = parts
      const items = value.slice(from, to === NO_END ? undefined : to)
      for (const item of items) if (this.holds(demand, item)) left--
    }
    return left <= 0
  }
}
