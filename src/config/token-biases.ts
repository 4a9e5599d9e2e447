import * as z from 'zod'
import { UserError } from '../errors.js'
import { isJsonObject, parseJson } from '../json.js'

type Entry = readonly [key: string, bias: unknown]

const FORMS = 'give an object of words or ids and numbers, or word=number, one or a list'

/**
 * Biases by token id or word; false forbids. An object (OpenAI's), or texts, one or a list, each of which is `word=number`,
 * `id+number` (as llama.cpp's flag has it) or an object in JSON, and which make one object together.
 */
export const tokenBiases = z.preprocess(
  (value, context) => {
    try {
      return objectOf(isJsonObject(value) ? Object.entries(value) : [value].flat().flatMap(entriesOf))
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      context.addIssue({ code: 'custom', message: error.message.replace(/\.$/, ''), input: value })
      return z.NEVER
    }
  },
  z.record(z.string().min(1), z.union([z.number(), z.literal(false)])),
)

/** @throws UserError with the end of a sentence about the value, as `objectOf` */
function entriesOf(item: unknown): Entry[] {
  if (typeof item !== 'string') throw new UserError(FORMS)
  if (/^\s*\{/.test(item)) return Object.entries(parseJson(item, 'it') as object)
  const at = item.lastIndexOf('=')
  const [id, number] = at > 0 ? [item.slice(0, at), item.slice(at + 1)] : idAndNumber(item)
  return [[id, biasOf(number)]]
}

/** `15043+1`, `15043-inf`. */
function idAndNumber(item: string): [id: string, number: string] {
  const [, id, number] = /^(\d+)([+-].+)$/s.exec(item) ?? []
  if (id === undefined) throw new UserError(FORMS)
  return [id, number]
}

function biasOf(text: string): number | false {
  if (/^(?:false|-inf(?:inity)?)$/i.test(text.trim())) return false
  const number = Number(text)
  if (text.trim() !== '' && Number.isFinite(number)) return number
  throw new UserError(`give a number, or false, in place of ${JSON.stringify(text)}`)
}

function objectOf(entries: readonly Entry[]): Record<string, unknown> {
  const biases = new Map<string, unknown>()
  for (const [key, bias] of entries) {
    if (biases.has(key)) throw new UserError(`give ${JSON.stringify(key)} once`)
    // Zod leaves it out of a record.
    if (key === '__proto__') throw new UserError('__proto__ is no key: give its tokens as sequence_bias')
    biases.set(key, bias)
  }
  return Object.fromEntries(biases)
}
