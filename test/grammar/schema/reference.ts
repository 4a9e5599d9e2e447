// biome-ignore-all lint/suspicious/noExplicitAny: a schema and a value may be any JSON
/** A plain validator of whole values: a second opinion, in JavaScript's own terms, on the keywords that `random.test.ts` draws. */
export function holds(schema: any, value: any): boolean {
  if (typeof schema === 'boolean') return schema
  const every = (keyword: string, test: (argument: any) => boolean) =>
    !(keyword in schema) || test(schema[keyword])
  return (
    every('type', (types) => [types].flat().some((type) => isOf(type, value))) &&
    every('enum', (values) => values.some((other: unknown) => same(other, value))) &&
    every('const', (other) => same(other, value)) &&
    every('allOf', (all) => all.every((each: any) => holds(each, value))) &&
    every('anyOf', (any) => any.some((each: any) => holds(each, value))) &&
    every('oneOf', (one) => one.filter((each: any) => holds(each, value)).length === 1) &&
    every('not', (other) => !holds(other, value)) &&
    every('if', (condition) => holds((holds(condition, value) ? schema.then : schema.else) ?? true, value)) &&
    (typeof value !== 'number' || number(schema, value)) &&
    (typeof value !== 'string' || string(schema, value)) &&
    (!Array.isArray(value) || array(schema, value)) &&
    (!isObject(value) || object(schema, value))
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  return type === 'object' ? isObject(value) : typeof value === type
}

function same(a: unknown, b: unknown): boolean {
  const sorted = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(sorted)
      : isObject(value)
        ? Object.entries(value)
            .sort()
            .map(([key, member]) => [key, sorted(member), 0])
        : value
  return isObject(a) === isObject(b) && JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function number({ minimum = -Infinity, maximum = Infinity, multipleOf }: any, value: number): boolean {
  return (
    value >= minimum && value <= maximum && (multipleOf === undefined || Number.isInteger(value / multipleOf))
  )
}

function string({ minLength = 0, maxLength = Infinity, pattern = '' }: any, value: string): boolean {
  const { length } = Array.from(value)
  return length >= minLength && length <= maxLength && new RegExp(pattern, 'u').test(value)
}

function array(schema: any, items: readonly unknown[]): boolean {
  const { minItems = 0, maxItems = Infinity, prefixItems = [], items: rest = true } = schema
  const contained = 'contains' in schema ? items.filter((item) => holds(schema.contains, item)).length : 1
  return (
    items.length >= minItems &&
    items.length <= maxItems &&
    items.every((item, i) => holds(prefixItems[i] ?? rest, item)) &&
    contained >= (schema.minContains ?? 1) &&
    contained <= (schema.maxContains ?? Infinity) &&
    (!schema.uniqueItems || items.every((item, i) => !items.slice(0, i).some((other) => same(item, other))))
  )
}

function object(schema: any, value: Record<string, unknown>): boolean {
  const keys = Object.keys(value)
  const { minProperties = 0, maxProperties = Infinity, required = [] } = schema
  const demands = (key: string) => {
    const named = Object.hasOwn(schema.properties ?? {}, key) ? [schema.properties[key]] : []
    const matched = Object.entries(schema.patternProperties ?? {}).filter(([pattern]) =>
      new RegExp(pattern, 'u').test(key),
    )
    const all = [...named, ...matched.map(([, each]) => each)]
    return all.length > 0 ? all : [schema.additionalProperties ?? true]
  }
  return (
    keys.length >= minProperties &&
    keys.length <= maxProperties &&
    required.every((name: string) => keys.includes(name)) &&
    keys.every((key) => holds(schema.propertyNames ?? true, key)) &&
    keys.every((key) => demands(key).every((each) => holds(each, value[key]))) &&
    Object.entries(schema.dependentRequired ?? {}).every(
      ([name, others]) => !keys.includes(name) || (others as string[]).every((other) => keys.includes(other)),
    )
  )
}
