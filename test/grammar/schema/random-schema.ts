// biome-ignore-all lint/suspicious/noThenProperty: a keyword of JSON Schema
const NAMES = ['a', 'b', 'ab', 'x']
const TEXTS = ['', 'a', 'ab', 'abc', 'é', '"\n']
const NUMBERS = [0, 1, -1, 2, 3, 4, 6, 1.5, -0.5, 10]
const FORMATS = ['date', 'time', 'date-time', 'email', 'ipv4', 'ipv6', 'uuid', 'uri', 'hostname', 'duration']
const DEFINITIONS = ['one', 'two']

/** Schemas and values that follow from a seed. */
export class Draws {
  /** @param draws keywords that `holds` judges, or all that a schema may have */
  constructor(
    private seed: number,
    private readonly draws: 'judged' | 'all' = 'judged',
  ) {}

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
    const more: Readonly<Record<string, () => unknown>> = {
      exclusiveMinimum: () => this.of(NUMBERS),
      exclusiveMaximum: () => this.of(NUMBERS),
      format: () => this.of(FORMATS),
    }
    const moreDeep: Readonly<Record<string, () => unknown>> = {
      minContains: count,
      dependentSchemas: () => ({ [this.of(NAMES)]: inner() }),
      unevaluatedProperties: inner,
      unevaluatedItems: inner,
      $ref: () => `#/$defs/${this.of(DEFINITIONS)}`,
    }
    const isAll = this.draws === 'all'
    const ofScalars = isAll ? { ...scalar, ...more } : scalar
    const ofAll = isAll ? { ...deep, ...moreDeep } : deep
    const keywords = depth > 0 ? { ...ofScalars, ...ofAll } : ofScalars
    const drawn = this.list(0, isAll ? 6 : 4, () => this.of(Object.entries(keywords)))
    const schema = Object.fromEntries(drawn.map(([keyword, make]) => [keyword, make()]))
    if (!('contains' in schema)) {
      delete schema.maxContains
      delete schema.minContains
    }
    return schema
  }

  /** A schema whose references lead to definitions of its own. */
  document(depth: number): unknown {
    const schema = this.schema(depth)
    if (typeof schema !== 'object') return schema
    return { ...schema, $defs: Object.fromEntries(DEFINITIONS.map((name) => [name, this.schema(1)])) }
  }
}
