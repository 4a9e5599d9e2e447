import { createRequire } from 'node:module'
import { join } from 'node:path'
import {
  canonicalNumber,
  isArray,
  isObject,
  type Json,
  JsonNumber,
  readJson,
} from '../../src/grammar/schema/json.js'
import type { Judge } from '../../test/grammar/mask-oracle.js'

interface Ajv {
  /** By name. */
  readonly formats: Record<string, unknown>
  compile(schema: unknown): (value: unknown) => boolean
  addMetaSchema(schema: unknown): void
}
type AjvClass = new (options: object) => Ajv

/** By a mark in `$schema`: the module of the draft, and a meta-schema that it lacks. */
const DRAFTS: readonly (readonly [RegExp, string, string?])[] = [
  [/draft-04/, 'ajv-draft-04'],
  [/draft-06/, 'ajv', 'ajv/dist/refs/json-schema-draft-06.json'],
  [/draft-07/, 'ajv'],
  [/2019-09/, 'ajv/dist/2019.js'],
  [/./, 'ajv/dist/2020.js'],
]

/** Formats of ajv's and OpenAPI's, which JSON Schema does not have. */
const OWN_FORMATS = [
  'url',
  'byte',
  'int32',
  'int64',
  'float',
  'double',
  'password',
  'binary',
  'regex',
  'iso-time',
  'iso-date-time',
  'json-pointer-uri-fragment',
]

/** Judges of values by ajv, which is no part of this package: formats count, and each draft has a validator of its own. */
export class AjvJudges {
  private readonly require: NodeJS.Require

  /** @param directory whose node_modules have ajv, ajv-formats and ajv-draft-04 */
  constructor(directory: string) {
    this.require = createRequire(join(directory, 'package.json'))
  }

  /** The judge of a schema; undefined where ajv does not compile it. @param text of the schema */
  of(text: string): Judge | undefined {
    const schema = JSON.parse(text) as { readonly $schema?: unknown }
    if (hasMixedUp(schema)) return undefined
    const draft = typeof schema.$schema === 'string' ? schema.$schema : '2020-12'
    const [, module, meta] = DRAFTS.find(([mark]) => mark.test(draft))!
    const load = <T>(name: string) => {
      const loaded = this.require(name) as T & { readonly default?: T }
      return loaded.default ?? loaded
    }
    try {
      const ajv = new (load<AjvClass>(module))({ strict: false, logger: false, validateFormats: true })
      load<(ajv: Ajv) => void>('ajv-formats')(ajv)
      const uri = ajv.formats.uri as (text: string) => boolean
      ajv.formats.uri = withEmptyPath(uri)
      for (const name of OWN_FORMATS) ajv.formats[name] = true
      if (meta) ajv.addMetaSchema(this.require(meta))
      const validate = ajv.compile(withThen(schema))
      return (value) => (isExact(readJson(value, 'The value')) ? verdict(validate, value) : undefined)
    } catch {
      return undefined
    }
  }
}

/** Undefined where ajv's own code fails. */
function verdict(validate: (value: unknown) => boolean, value: string): boolean | undefined {
  try {
    return validate(JSON.parse(value))
  } catch {
    return undefined
  }
}

/** Whether JavaScript's numbers have all digits of a value: others ajv takes for what they are not. */
function isExact(value: Json): boolean {
  if (value instanceof JsonNumber) {
    const number = Number(value.text)
    return (
      Math.abs(number) <= Number.MAX_SAFE_INTEGER &&
      canonicalNumber(value.text) === canonicalNumber(String(number))
    )
  }
  if (isArray(value)) return value.every(isExact)
  return !isObject(value) || [...value.values()].every(isExact)
}

/** Whether ajv takes the verdict of one `contains` for that of another inside of it, or does not count what an empty one has looked at. */
function hasMixedUp(schema: unknown, isInside = false): boolean {
  if (Array.isArray(schema)) return schema.some((each) => hasMixedUp(each, isInside))
  if (typeof schema !== 'object' || schema === null) return false
  return Object.entries(schema).some(([key, value]) => {
    const isContains = key === 'contains'
    const isEmpty =
      value === true || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
    return (isContains && (isInside || isEmpty)) || hasMixedUp(value, isInside || isContains)
  })
}

/** A schema whose conditions say what follows: of others ajv forgets which items and members they have looked at. */
function withThen(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withThen)
  if (typeof schema !== 'object' || schema === null) return schema
  const members = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withThen(value)]))
  const isBare = 'if' in members && !('then' in members || 'else' in members)
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  return isBare ? { ...members, then: { maxLength: Number.MAX_SAFE_INTEGER } } : members
}

/** URIs may have an empty path by RFC 3986, and by ajv-formats they may not. */
function withEmptyPath(matches: (text: string) => boolean): (text: string) => boolean {
  return (text) => matches(text) || matches(text.replace(/^([a-z][a-z0-9+.-]*:)(?=[?#]|$)/i, '$1a'))
}
