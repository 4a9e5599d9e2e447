import { usageError } from '../errors.js'
import { isRecord, type JsonRecord, type JsonValue } from './json.js'

/** A text, and what is to be found in it. */
export interface Example {
  readonly text: string
  readonly value: JsonValue
}

/** What Kor's nodes say: a JSON schema of the root's value, and the examples of all nodes. */
export interface KorTask {
  readonly schema: JsonRecord
  /** Whether a text has several of them. */
  readonly isMany: boolean
  readonly examples: readonly Example[]
}

const TYPES = ['object', 'text', 'number', 'bool', 'selection']
const KEYS = ['type', 'id', 'description', 'attributes', 'options', 'many', 'examples', 'null_examples']
const ID = /^\w+$/

/** Whether a value is a node of Kor's (github.com/eyurtsev/kor) and no JSON schema. */
export function isKorNode(value: unknown): value is JsonRecord {
  if (!isRecord(value) || typeof value.id !== 'string' || !TYPES.includes(String(value.type))) return false
  return (
    Array.isArray(value.attributes) ||
    !['object', 'number'].includes(String(value.type)) ||
    'examples' in value
  )
}

/**
 * Reads a tree of nodes: objects with attributes, texts, numbers, bools and selections. A root that is none of the first is the only field of
 * an object.
 * @throws UserError, exit code 2, with the place of what is wrong
 */
export function readKor(root: JsonRecord): KorTask {
  const whole = root.type === 'object' ? root : { type: 'object', id: 'root', attributes: [root] }
  const examples: Example[] = []
  const schema = schemaOf(whole, '#', examples, (value) => value)
  const isMany = whole.many === true
  const all = isMany ? examples.map(({ text, value }) => ({ text, value: listOf(value) })) : examples
  return { schema, isMany, examples: all }
}

type Wrap = (value: JsonValue) => JsonValue

function schemaOf(node: JsonRecord, place: string, examples: Example[], wrap: Wrap): JsonRecord {
  const fault = (why: string) => usageError(`The schema's node at ${place} ${why}.`)
  const unknown = Object.keys(node).find((key) => !KEYS.includes(key))
  if (unknown) throw fault(`has the field ${JSON.stringify(unknown)}, which no node has: leave it out`)
  if (typeof node.id !== 'string' || !ID.test(node.id))
    throw fault(`has the id ${JSON.stringify(node.id)}: give one of letters, digits and _`)
  const description: JsonRecord =
    typeof node.description === 'string' && node.description ? { description: node.description } : {}
  for (const example of list(node.examples)) {
    if (!Array.isArray(example) || example.length !== 2 || typeof example[0] !== 'string')
      throw fault('has an example that is no pair of a text and a value')
    examples.push({ text: example[0], value: wrap(example[1] as JsonValue) })
  }
  switch (node.type) {
    case 'object':
      return { type: 'object', ...description, ...objectOf(node, place, examples, wrap) }
    case 'text':
      return { type: 'string', ...description }
    case 'number':
      return { type: 'number', ...description }
    case 'bool':
      return { type: 'boolean', ...description }
    case 'selection':
      return { ...description, ...selectionOf(node, place, examples, wrap) }
    default:
      throw fault(`has the type ${JSON.stringify(node.type)}: give ${TYPES.join(', ')}`)
  }
}

function objectOf(node: JsonRecord, place: string, examples: Example[], wrap: Wrap): JsonRecord {
  const attributes = list(node.attributes)
  if (attributes.length === 0) throw usageError(`The schema's node at ${place} has no attributes.`)
  const properties: Record<string, JsonValue> = {}
  for (const [i, attribute] of attributes.entries()) {
    const at = `${place}/attributes/${i}`
    if (!isRecord(attribute)) throw usageError(`The schema's node at ${at} is no object.`)
    const id = String(attribute.id)
    if (Object.hasOwn(properties, id))
      throw usageError(`The schema's node at ${place} has two attributes ${JSON.stringify(id)}.`)
    const isMany = attribute.many === true
    const within: Wrap = (value) => wrap({ [id]: isMany ? listOf(value) : value })
    const schema = schemaOf(attribute, at, examples, within)
    properties[id] = isMany ? { type: 'array', items: schema } : schema
  }
  return { properties, required: Object.keys(properties), additionalProperties: false }
}

function selectionOf(node: JsonRecord, place: string, examples: Example[], wrap: Wrap): JsonRecord {
  const options = list(node.options).filter(isRecord)
  if (options.length === 0) throw usageError(`The schema's node at ${place} has no options.`)
  for (const { id, examples: texts } of options)
    for (const text of list(texts)) if (typeof text === 'string') examples.push({ text, value: wrap(id) })
  for (const text of list(node.null_examples))
    if (typeof text === 'string') examples.push({ text, value: wrap(null) })
  const said = options.filter(({ description }) => typeof description === 'string' && description)
  const meanings = said.map(({ id, description }) => `${id}: ${description}`).join('; ')
  const description = [node.description, meanings].filter(Boolean).join('; ')
  return { enum: options.map(({ id }) => id), ...(description && { description }) }
}

const list = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : [])

/** A value as one of a list; an empty one says that there is nothing. */
function listOf(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value
  return value === null || value === '' || (isRecord(value) && Object.keys(value).length === 0) ? [] : [value]
}
