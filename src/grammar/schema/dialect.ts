import { isObject, type Json, type JsonObject } from './json.js'

/** A draft of JSON Schema by the number in its name: 4, 6, 7, 2019 or 2020. */
export interface Dialect {
  readonly draft: number
  /** Keywords that only other drafts have are honoured too: `$schema` does not say which draft is meant. */
  readonly isLoose: boolean
  /** Whether its vocabularies hold assertions: `type`, `maximum`, … */
  readonly asserts: boolean
}

export const LOOSE: Dialect = { draft: 2020, isLoose: true, asserts: true }

const DRAFTS: readonly (readonly [RegExp, number])[] = [
  [/^https?:\/\/json-schema\.org\/draft-0?4\/schema#?$/, 4],
  [/^https?:\/\/json-schema\.org\/draft-0?6\/schema#?$/, 6],
  [/^https?:\/\/json-schema\.org\/draft-0?7\/schema#?$/, 7],
  [/^https?:\/\/json-schema\.org\/draft\/2019-09\/schema#?$/, 2019],
  [/^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/, 2020],
  [/^https?:\/\/json-schema\.org\/schema#?$/, 2020],
]

const VALIDATION = /^https:\/\/json-schema\.org\/draft\/20\d\d-\d\d\/vocab\/validation$/

/**
 * The dialect that `$schema` names.
 * @param metaschema of a dialect of someone's own, where it is at hand
 * @returns undefined for a dialect that is not known
 */
export function dialectOf(uri: string, metaschema: (uri: string) => Json | undefined): Dialect | undefined {
  const draft = DRAFTS.find(([pattern]) => pattern.test(uri))?.[1]
  if (draft) return { draft, isLoose: false, asserts: true }
  const own = metaschema(uri)
  if (!isObject(own)) return undefined
  const parent = own.get('$schema')
  const base = typeof parent === 'string' && parent !== uri ? dialectOf(parent, metaschema) : undefined
  const vocabularies = own.get('$vocabulary')
  const asserts = !isObject(vocabularies) || [...vocabularies.keys()].some((name) => VALIDATION.test(name))
  return { ...(base ?? LOOSE), asserts }
}

/** Keywords that do not belong to all drafts: from the first one to the last one that has them. */
const SINCE: Readonly<Record<string, readonly [number, number]>> = {
  id: [4, 4],
  $id: [6, 2020],
  $anchor: [2019, 2020],
  $dynamicAnchor: [2020, 2020],
  $dynamicRef: [2020, 2020],
  $recursiveAnchor: [2019, 2019],
  $recursiveRef: [2019, 2019],
  const: [6, 2020],
  contains: [6, 2020],
  minContains: [2019, 2020],
  maxContains: [2019, 2020],
  propertyNames: [6, 2020],
  if: [7, 2020],
  dependencies: [4, 7],
  dependentRequired: [2019, 2020],
  dependentSchemas: [2019, 2020],
  unevaluatedProperties: [2019, 2020],
  unevaluatedItems: [2019, 2020],
  prefixItems: [2020, 2020],
  additionalItems: [4, 2019],
}

/** Whether a keyword means something in a dialect. */
export function hasKeyword(dialect: Dialect, keyword: string): boolean {
  const since = SINCE[keyword]
  if (!since) return true
  if (dialect.isLoose)
    return keyword !== 'id' && keyword !== '$recursiveRef' && keyword !== '$recursiveAnchor'
  return dialect.draft >= since[0] && dialect.draft <= since[1]
}

type Shape = 'schema' | 'list' | 'map'

/** Keywords whose values hold schemas. */
const SUBSCHEMAS: Readonly<Record<string, readonly Shape[]>> = {
  ...Object.fromEntries(
    [
      ...[
        'not',
        'if',
        'then',
        'else',
        'additionalItems',
        'contains',
        'additionalProperties',
        'propertyNames',
      ],
      ...['unevaluatedItems', 'unevaluatedProperties', 'contentSchema'],
    ].map((keyword) => [keyword, ['schema'] as const]),
  ),
  items: ['schema', 'list'],
  allOf: ['list'],
  anyOf: ['list'],
  oneOf: ['list'],
  prefixItems: ['list'],
  properties: ['map'],
  patternProperties: ['map'],
  $defs: ['map'],
  definitions: ['map'],
  dependentSchemas: ['map'],
  dependencies: ['map'],
}

/** The schemas inside a schema, each with the steps of its pointer. */
export function* subschemas(schema: JsonObject): Generator<readonly [readonly string[], Json]> {
  for (const [keyword, value] of schema) {
    const shapes = Object.hasOwn(SUBSCHEMAS, keyword) ? SUBSCHEMAS[keyword] : undefined
    if (!shapes) continue
    if (Array.isArray(value) && shapes.includes('list'))
      for (const [index, part] of value.entries()) yield [[keyword, String(index)], part]
    else if (isObject(value) && shapes.includes('map'))
      for (const [key, part] of value) yield [[keyword, key], part]
    else if (shapes.includes('schema')) yield [[keyword], value]
  }
}
