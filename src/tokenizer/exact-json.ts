import { keepKeyOrder } from '../jinja/key-order.js'
import { Float } from '../jinja/values.js'
import { isJsonObject } from '../json.js'

type Fields = Readonly<Record<string, unknown>>

const STRING_OR_NUMBER = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g
/** Keys that JavaScript puts before all others, in the order of their numbers. */
const INDEX = /^(?:0|[1-9]\d{0,9})$/
const isFloat = (number: string) => /[.eE]/.test(number)

/**
 * A JSON text's value as Python reads it: 1.0 is a float (`Float`), -0 is 0, whole numbers have no largest one (bigint), and keys stay in
 * the order in which they are written. A template prints all of it as it is, say as arguments of a tool call, where JavaScript makes
 * 1 of 1.0, rounds what is large and puts the key "10" before "a".
 * @param value what `JSON.parse` made of the text, which is returned where nothing differs
 */
export function exactJson<T>(json: string, value: T): T {
  let mark: string | undefined
  const marked = json.replace(STRING_OR_NUMBER, (token, text?: string, colon = '') => {
    const key = text !== undefined && colon !== '' ? (JSON.parse(text) as string) : undefined
    if (key === undefined ? text !== undefined || isExact(token) : !INDEX.test(key)) return token
    mark ??= unsaid(value)
    return key === undefined
      ? `{${JSON.stringify(mark)}:"${token}"}`
      : `${JSON.stringify(mark + key)}${colon}`
  })
  if (mark === undefined) return value
  return JSON.parse(marked, (_, part: unknown) => (isJsonObject(part) ? unmarked(part, mark!) : part)) as T
}

/** Whether JavaScript's number is the one that is written. */
function isExact(token: string): boolean {
  const number = Number(token)
  return isFloat(token) ? !Number.isInteger(number) : Number.isSafeInteger(number) && !Object.is(number, -0)
}

/** A text that no key of a value begins with. */
function unsaid(value: unknown): string {
  const runs = JSON.stringify(value).match(/(?:\\u0000)+/g) ?? []
  return '\0'.repeat(1 + runs.reduce((most, run) => Math.max(most, run.length / 6), 0))
}

/** A number that was marked, or an object whose keys were; any other as it is. */
function unmarked(part: Readonly<Record<string, unknown>>, mark: string): unknown {
  const token = part[mark]
  if (typeof token === 'string') return isFloat(token) ? new Float(Number(token)) : BigInt(token)
  const keys = Object.keys(part)
  if (!keys.some((key) => key.startsWith(mark))) return part
  const entries = keys.map((key) => [key.startsWith(mark) ? key.slice(mark.length) : key, part[key]] as const)
  const object = Object.fromEntries(entries)
  keepKeyOrder(
    object,
    entries.map(([key]) => key),
  )
  return object
}

const exacts = new WeakMap<object, unknown>()

/**
 * The same value, of which `exactJsonText` writes the numbers as the text has them: HF's classes refuse 12 where a field is a float.
 * @param json the text that the value is of
 */
export function keepNumbers<T extends object>(json: string, value: T): T {
  try {
    keepExact(value, exactJson(json, value))
  } catch (error) {
    // No configuration is so deep: its numbers are JavaScript's.
    if (!(error instanceof RangeError)) throw error
  }
  return value
}

function keepExact(value: unknown, exact: unknown): void {
  if (typeof value !== 'object' || value === null) return
  exacts.set(value, exact)
  for (const [key, inner] of Object.entries(value)) keepExact(inner, (exact as Fields)[key])
}

/** Gives an object that has been made of another the numbers of that one's text. */
export function passNumbers<T extends object>(from: object, to: T): T {
  if (exacts.has(from)) exacts.set(to, exacts.get(from))
  return to
}

/**
 * The text of an object as JSON, with the numbers of the text that it is of.
 * @param changes fields in place of its own, or beside them; undefined for one that is left out
 * @param isFloat whether a field whose number is none of the text is a float, by its name
 */
export function exactJsonText(value: Fields, changes: Fields, isFloat: (name: string) => boolean): string {
  const mark = unsaid([value, changes])
  const number = (own: number, exact: unknown, name: string) => {
    if (typeof exact === 'bigint' && Number(exact) === own) return `${mark}${exact}${mark}`
    const isWritten = exact instanceof Float ? exact.value === own : exact === own
    const isOneOfFloats = isWritten ? exact instanceof Float : isFloat(name)
    return isOneOfFloats && Number.isInteger(own) ? `${mark}${floatText(own)}${mark}` : own
  }
  const marked = (own: unknown, exact: unknown, name: string): unknown => {
    if (typeof own === 'number') return number(own, exact, name)
    if (typeof own !== 'object' || own === null) return own
    const known = (exacts.get(own) ?? exact) as Fields | undefined
    if (Array.isArray(own)) return own.map((each, i) => marked(each, known?.[i], name))
    return Object.fromEntries(
      Object.entries(own).map(([key, each]) => [key, marked(each, known?.[key], key)]),
    )
  }
  const whole = marked(passNumbers(value, { ...value, ...changes }), undefined, '') as Fields
  const text = JSON.stringify(whole, null, 2)
  const quoted = JSON.stringify(mark).slice(1, -1)
  return `${text.replaceAll(`"${quoted}`, '').replaceAll(`${quoted}"`, '')}\n`
}

function floatText(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value)
  return /[e.]/.test(text) ? text : `${text}.0`
}
