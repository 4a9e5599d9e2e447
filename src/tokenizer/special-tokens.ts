import { isJsonObject } from '../json.js'
import { type AddedToken, wrongField } from './tokenizer-json.js'

/** HF's names of special tokens, in its order. */
const NAMES = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token']

/** What a tokenizer's files say of its tokens beside the vocabulary. */
export interface TokenFiles {
  /** `added_tokens` of tokenizer.json. */
  readonly added: readonly AddedToken[]
  /** tokenizer_config.json. */
  readonly config: Fields
  /** special_tokens_map.json and added_tokens.json, where they are there. */
  readonly specialTokensMap?: Fields
  readonly addedTokens?: Fields
  /** The padding token of tokenizer.json. */
  readonly padToken?: string
  /** Special tokens that HF's class of the tokenizer names where the configuration does not. */
  readonly defaults?: Readonly<Record<string, string>>
}

type Fields = Readonly<Record<string, unknown>>

export interface SpecialTokens {
  /** Texts by name: `bos_token`, `eos_token`, and those that the model names itself (`image_token`). */
  readonly named: ReadonlyMap<string, string>
  /** Further ones without a name. */
  readonly extra: readonly string[]
  /** Tokens that are added to those of tokenizer.json, in order. */
  readonly added: readonly AddedToken[]
}

/** An added token, or the text of one whose flags are to be found. */
type Token = string | AddedToken

/**
 * The special and added tokens of a tokenizer's files as transformers 5.24's `TokenizersBackend` has them (`_from_pretrained`
 * and `__init__`): a token that only the configuration calls special is one, and a token that only it has is added. Where
 * tokenizer_config.json has `added_tokens_decoder`, special_tokens_map.json and added_tokens.json count for nothing.
 * @param isRebuilt the tokens of tokenizer.json are not there yet (HF's class of the tokenizer makes it anew)
 * @throws UserError naming file and field, for what is no token
 */
export function specialTokens(files: TokenFiles, isRebuilt: boolean): SpecialTokens {
  const fields = mergedFields(files)
  const decoder = addedTokensDecoder(files, fields)
  const byContent = new Map([...decoder.values()].map((token) => [token.content, token]))
  const named = namedTokens(files, fields, byContent)
  const extra = listOfTokens(extraField(fields))
  const names = new Set([...named.values()].map(contentOf))
  const known = new Set(isRebuilt ? [] : files.added.map(contentOf))
  const added: Token[] = [...decoder].sort(([a], [b]) => a - b).map(([, token]) => token)
  for (const token of added) known.add(contentOf(token))
  for (const token of [...named.values(), ...extra]) {
    if (known.has(contentOf(token))) continue
    known.add(contentOf(token))
    added.push(token)
  }
  return {
    named: new Map([...named].map(([name, token]) => [name, contentOf(token)])),
    extra: extra.map(contentOf),
    added: added.map((token) => {
      if (typeof token === 'string') return specialToken(token)
      return token.special || !names.has(token.content) ? token : { ...token, special: true }
    }),
  }
}

/** A special token as transformers adds one that only has a text. */
export function specialToken(content: string): AddedToken {
  return { content, special: true }
}

/** The fields of tokenizer_config.json, and over them those of special_tokens_map.json where it counts. */
function mergedFields({ config, specialTokensMap = {} }: TokenFiles): Fields {
  const fields = { ...config }
  if (!hasValue(fields.extra_special_tokens) && 'additional_special_tokens' in fields) {
    fields.extra_special_tokens = fields.additional_special_tokens
    delete fields.additional_special_tokens
  }
  if ('added_tokens_decoder' in config) return fields
  for (const [key, value] of Object.entries(specialTokensMap)) {
    const isMore = key === 'extra_special_tokens' && Array.isArray(value)
    if (isMore) fields[key] = [...listOfTokens(fields[key]), ...value.map(asSpecial)]
    else fields[key] = Array.isArray(value) ? value.map(asSpecial) : asSpecial(value)
  }
  return fields
}

/** special_tokens_map.json leaves the flag out. */
function asSpecial(value: unknown): unknown {
  return isJsonObject(value) && 'content' in value ? { ...value, special: true } : value
}

function extraField(fields: Fields): unknown {
  return 'extra_special_tokens' in fields ? fields.extra_special_tokens : fields.additional_special_tokens
}

/** Whether Python takes a value for true. */
function hasValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  return isJsonObject(value) ? Object.keys(value).length > 0 : Boolean(value)
}

function namedTokens(
  files: TokenFiles,
  fields: Fields,
  byContent: ReadonlyMap<string, AddedToken>,
): Map<string, Token> {
  const named = new Map<string, Token>()
  const withDefaults: Fields = {
    ...files.defaults,
    pad_token: files.padToken ?? files.defaults?.pad_token,
    ...fields,
  }
  for (const name of NAMES) {
    const value = withDefaults[name]
    if (value === undefined || value === null) continue
    const token = tokenOf(value, name, CONFIG)
    named.set(name, byContent.get(contentOf(token)) ?? token)
  }
  for (const [name, value] of Object.entries(fields)) {
    const isToken = typeof value === 'string' || (isJsonObject(value) && value.__type === 'AddedToken')
    if (name.endsWith('_token') && !NAMES.includes(name) && isToken)
      named.set(name, tokenOf(value, name, CONFIG))
  }
  const extra = extraField(fields)
  if (isJsonObject(extra)) {
    for (const [name, value] of Object.entries(extra)) {
      named.set(name, tokenOf(value, `extra_special_tokens.${name}`, CONFIG))
    }
  }
  return named
}

const CONFIG = 'tokenizer_config.json'

/** Added tokens by id, of which only the order counts. */
function addedTokensDecoder(files: TokenFiles, fields: Fields): Map<number, AddedToken> {
  const decoder = new Map<number, AddedToken>()
  const { added_tokens_decoder: listed } = files.config
  if (listed !== undefined) {
    if (!isJsonObject(listed)) throw wrongField('added_tokens_decoder', listed, 'an object', CONFIG)
    for (const [id, value] of Object.entries(listed)) {
      const path = `added_tokens_decoder.${id}`
      decoder.set(idOf(Number(id), path, CONFIG), checkAddedToken(value, path, CONFIG))
    }
    return decoder
  }
  const special = new Set(NAMES.flatMap((name) => listOfTokens(fields[name], name)).map(contentOf))
  for (const token of listOfTokens(extraField(fields))) special.add(contentOf(token))
  for (const [content, id] of Object.entries(files.addedTokens ?? {})) {
    const isSpecial = special.has(content)
    decoder.set(idOf(id, JSON.stringify(content), 'added_tokens.json'), {
      content,
      normalized: !isSpecial,
      special: isSpecial,
    })
  }
  for (const [i, token] of files.added.entries()) decoder.set(token.id ?? i, token)
  return decoder
}

function idOf(id: unknown, path: string, file?: string): number {
  if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 32) return id as number
  throw wrongField(path, id, 'a whole number from 0 on', file)
}

/** The tokens of a list, of one token, or of nothing. */
function listOfTokens(value: unknown, path = 'extra_special_tokens'): Token[] {
  if (value === undefined || value === null || (isJsonObject(value) && !('content' in value))) return []
  if (!Array.isArray(value)) return [tokenOf(value, path, CONFIG)]
  return value.map((token, i) => tokenOf(token, `${path}[${i}]`, CONFIG))
}

function tokenOf(value: unknown, path: string, file: string): Token {
  return typeof value === 'string' ? value : checkAddedToken(value, path, file)
}

function contentOf(token: Token): string {
  return typeof token === 'string' ? token : token.content
}

/** The `added_tokens` of a tokenizer.json. @throws UserError naming what is no token */
export function checkAddedTokens(value: unknown): AddedToken[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrongField('added_tokens', value, 'a list')
  return value.map((token, i) => {
    const path = `added_tokens[${i}]`
    const checked = checkAddedToken(token, path)
    return { ...checked, id: idOf(checked.id, `${path}.id`) }
  })
}

const FLAGS = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'] as const

function checkAddedToken(value: unknown, path: string, file?: string): AddedToken {
  if (!isJsonObject(value)) throw wrongField(path, value, 'an object with the field "content"', file)
  if (typeof value.content !== 'string') throw wrongField(`${path}.content`, value.content, 'a text', file)
  for (const flag of FLAGS) {
    const found = value[flag] ?? false
    if (typeof found !== 'boolean') throw wrongField(`${path}.${flag}`, found, 'true or false', file)
  }
  return value as unknown as AddedToken
}
