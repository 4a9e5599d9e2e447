// biome-ignore-all lint/suspicious/noThenProperty: a keyword of JSON Schema
import { expect, test } from 'vitest'
import { DEAD } from '../../../src/grammar/automaton.js'
import { compileSchema, validate } from '../../../src/grammar/schema/index.js'
import { holds } from './reference.js'

const NAMES = ['a', 'b', 'ab', 'x']
const TEXTS = ['', 'a', 'ab', 'abc', 'é', '"\n']
const NUMBERS = [0, 1, -1, 2, 3, 4, 6, 1.5, -0.5, 10]

/** Schemas and values that follow from a seed. */
class Draws {
  constructor(private seed: number) {}

  private next(): number {
    this.seed = (Math.imul(this.seed, 1664525) + 1013904223) >>> 0
    return this.seed / 2 ** 32
  }

  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]
  }

  list<T>(least: number, most: number, make: () => T): T[] {
    return Array.from({ length: least + this.below(most - least + 1) }, make)
  }

  value(depth: number): unknown {
    const kind = this.below(depth > 0 ? 8 : 5)
    if (kind < 3) return [null, this.below(2) === 0, this.of(NUMBERS)][kind]
    if (kind < 5) return kind === 3 ? this.of(NUMBERS) : this.of(TEXTS)
    if (kind === 5) return this.list(0, 3, () => this.value(depth - 1))
    return Object.fromEntries(this.list(0, 3, () => [this.of([...NAMES, 'z']), this.value(depth - 1)]))
  }

  schema(depth: number): unknown {
    if (this.below(12) === 0) return this.below(3) > 0
    const inner = () => this.schema(depth - 1)
    const count = () => this.below(4)
    const scalar: Readonly<Record<string, () => unknown>> = {
      type: () =>
        this.of([
          'null',
          'boolean',
          'number',
          'integer',
          'string',
          'array',
          'object',
          'object',
          ['array', 'string'],
          ['object', 'integer'],
        ]),
      enum: () => this.list(1, 4, () => this.value(2)),
      const: () => this.value(2),
      minimum: () => this.of(NUMBERS),
      maximum: () => this.of(NUMBERS),
      multipleOf: () => this.of([1, 2, 3, 0.5]),
      minLength: count,
      maxLength: count,
      pattern: () => this.of(['a', '^a', 'b$', '^[ab]*$']),
    }
    const deep: Readonly<Record<string, () => unknown>> = {
      properties: () => Object.fromEntries(this.list(1, 3, () => [this.of(NAMES), inner()])),
      patternProperties: () => ({ [this.of(['a', '^b', 'x|z'])]: inner() }),
      additionalProperties: inner,
      required: () => [...new Set(this.list(1, 2, () => this.of(NAMES)))],
      propertyNames: () => this.schema(0),
      minProperties: count,
      maxProperties: count,
      dependentRequired: () => ({ [this.of(NAMES)]: [this.of(NAMES)] }),
      items: inner,
      prefixItems: () => [inner(), inner()],
      minItems: count,
      maxItems: count,
      uniqueItems: () => true,
      contains: inner,
      maxContains: () => 1 + this.below(2),
      allOf: () => this.list(1, 2, inner),
      anyOf: () => this.list(1, 3, inner),
      oneOf: () => this.list(2, 3, inner),
      not: inner,
      if: inner,
      then: inner,
      else: inner,
    }
    const keywords = depth > 0 ? { ...scalar, ...deep, ...deep } : scalar
    const drawn = this.list(0, 4, () => this.of(Object.entries(keywords)))
    const schema = Object.fromEntries(drawn.map(([keyword, make]) => [keyword, make()]))
    if (!('contains' in schema)) delete schema.maxContains
    return schema
  }
}

test('Random schemas accept exactly the values that hold, and from every prefix of one a completion leads to such a value', () => {
  const draws = new Draws(7)
  const verdicts = { valid: 0, invalid: 0, empty: 0 }
  for (let i = 0; i < 150; i++) {
    const schema = draws.schema(2)
    const values = draws.list(10, 10, () => draws.value(2))
    let automaton: ReturnType<typeof compileSchema>
    try {
      automaton = compileSchema(JSON.stringify(schema), { order: 'any' })
    } catch (error) {
      expect((error as Error).message).toContain('no value is valid')
      expect(values.filter((value) => holds(schema, value))).toEqual([])
      verdicts.empty++
      continue
    }
    for (const value of values) {
      const text = JSON.stringify(value)
      const place = `${JSON.stringify(schema)} on ${text}`
      const isValid = holds(schema, value)
      expect(validate(automaton, text), place).toBe(isValid)
      verdicts[isValid ? 'valid' : 'invalid']++
      // A prefix of any length that the automaton takes.
      let state = automaton.start
      let length = 0
      for (const byte of Buffer.from(text).subarray(0, draws.below(text.length + 1))) {
        const next = automaton.next(state, byte)
        if (next === DEAD) break
        state = next
        length++
      }
      const whole = Buffer.concat([
        Buffer.from(text).subarray(0, length),
        automaton.completion(state),
      ]).toString()
      expect(holds(schema, JSON.parse(whole)), `${place}: ${whole}`).toBe(true)
      expect(validate(automaton, whole), whole).toBe(true)
    }
  }
  expect(verdicts.valid).toBeGreaterThan(300)
  expect(verdicts.invalid).toBeGreaterThan(300)
  expect(verdicts.empty).toBeGreaterThan(0)
})
