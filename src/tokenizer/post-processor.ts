import { isJsonObject } from '../json.js'
import { type Part, stageParts } from './part.js'
import { quoted, tokenizerFault, unsupportedTokenizer } from './tokenizer-json.js'

/** Puts special tokens around the ids of a text. */
export type PostProcessor = (ids: readonly number[]) => number[]

/**
 * The post-processor of a tokenizer.json, for one text, as Rust `tokenizers` has it: templates, which name ids of their own,
 * BERT's and RoBERTa's; ByteLevel's, which moves offsets, does nothing.
 * @throws UserError naming a type that is not supported, or a field that is wrong
 */
export function createPostProcessor(json: unknown): PostProcessor {
  const steps = stageParts(json, 'post_processor', 'processors').map(createStep)
  return (ids) => steps.reduce((processed, step) => step(processed), ids as number[])
}

function createStep(part: Part): PostProcessor {
  switch (part.type) {
    case 'ByteLevel':
      return (ids) => ids as number[]
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const [cls, sep] = [pairId(part, 'cls'), pairId(part, 'sep')]
      return (ids) => [cls, ...ids, sep]
    }
    case 'TemplateProcessing':
      return template(part)
    default:
      throw unsupportedTokenizer(`the post-processor ${quoted(part.type)}`)
  }
}

function pairId(part: Part, field: string): number {
  const value = part.raw(field)
  if (Array.isArray(value) && value.length === 2 && isId(value[1])) return value[1]
  throw tokenizerFault(`its ${part.at(field)} is no pair of a token and an id`)
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32
}

function template(part: Part): PostProcessor {
  const single = part.raw('single')
  if (!Array.isArray(single)) throw tokenizerFault(`its ${part.at('single')} is no list`)
  const pieces = single.map((piece, i) => templatePiece(part, piece, `${part.at('single')}[${i}]`))
  const sequences = pieces.filter((piece) => piece === SEQUENCE)
  if (sequences.length > 1) throw unsupportedTokenizer('a template that has the text more than once')
  const at = pieces.indexOf(SEQUENCE)
  if (at < 0) return () => pieces.flat() as number[]
  const [before, after] = [pieces.slice(0, at).flat(), pieces.slice(at + 1).flat()] as number[][]
  return (ids) => [...before, ...ids, ...after]
}

const SEQUENCE = 'sequence'

function templatePiece(part: Part, piece: unknown, path: string): readonly number[] | typeof SEQUENCE {
  const { Sequence: sequence, SpecialToken: token } = isJsonObject(piece) ? piece : {}
  if (isJsonObject(sequence) && sequence.id === 'A') return SEQUENCE
  const tokens = part.raw('special_tokens')
  const id = isJsonObject(token) ? token.id : undefined
  if (typeof id !== 'string') throw tokenizerFault(`its ${path} is neither the text nor a special token`)
  const named = isJsonObject(tokens) && Object.hasOwn(tokens, id) ? tokens[id] : undefined
  const ids = isJsonObject(named) ? named.ids : undefined
  if (Array.isArray(ids) && ids.every(isId)) return ids
  throw tokenizerFault(`its ${part.at('special_tokens')} has no ids of ${quoted(id)}`)
}
