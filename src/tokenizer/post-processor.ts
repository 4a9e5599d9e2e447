import { isJsonObject } from '../json.js'
import type { EncodedToken } from './offsets.js'
import { type Part, stageParts } from './part.js'
import { quoted, tokenizerFault, unsupportedTokenizer } from './tokenizer-json.js'

/** Puts special tokens around those of a text. @param special makes one of an id */
export type PostProcessor = <Token>(tokens: readonly Token[], special: (id: number) => Token) => Token[]

/**
 * The post-processor of a tokenizer.json, for one text, as Rust `tokenizers` has it: templates, which name ids of their own,
 * BERT's and RoBERTa's; ByteLevel's, which moves offsets (`offsetTrim`), does nothing.
 * @throws UserError naming a type that is not supported, or a field that is wrong
 */
export function createPostProcessor(json: unknown): PostProcessor {
  const steps = stageParts(json, 'post_processor', 'processors').map(createStep)
  return <Token>(tokens: readonly Token[], special: (id: number) => Token) =>
    steps.reduce<Token[]>((processed, step) => step(processed, special), tokens as Token[])
}

/** Takes the spaces that a token begins and ends with out of its offsets. */
export type OffsetTrim = (token: EncodedToken, spelling: string, isFirst: boolean) => EncodedToken

/** What the post-processor of a tokenizer.json does to offsets (Rust's `process_offsets`), undefined for nothing. */
export function offsetTrim(json: unknown): OffsetTrim | undefined {
  const part = stageParts(json, 'post_processor', 'processors').find(
    (each) => ['ByteLevel', 'RobertaProcessing'].includes(each.type) && each.flag('trim_offsets', true),
  )
  if (!part) return undefined
  const addsSpace = part.flag('add_prefix_space', true)
  return ({ id, start, end }, spelling, isFirst) => {
    const leading = /^[Ġ\p{White_Space}]*/u.exec(spelling)![0].length
    const trailing = /[Ġ\p{White_Space}]*$/u.exec(spelling)![0].length
    // One space may have been put before the text; several were there.
    const own = addsSpace && leading === 1 && (isFirst || start === 0) ? 0 : leading
    const begin = Math.min(start + own, end)
    return { id, start: begin, end: end >= trailing ? Math.max(end - trailing, begin) : end }
  }
}

function createStep(part: Part): PostProcessor {
  switch (part.type) {
    case 'ByteLevel':
      return (tokens) => [...tokens]
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const [cls, sep] = [pairId(part, 'cls'), pairId(part, 'sep')]
      return (tokens, special) => [special(cls), ...tokens, special(sep)]
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
  if (at < 0) return (_, special) => (pieces.flat() as number[]).map(special)
  const [before, after] = [pieces.slice(0, at).flat(), pieces.slice(at + 1).flat()] as number[][]
  return (tokens, special) => [...before.map(special), ...tokens, ...after.map(special)]
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
