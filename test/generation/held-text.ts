import { expect } from 'vitest'
import { parse } from 'yaml'
import { type GenerationSettings, generate, type Prompt } from '../../src/generation/generate.js'
import type { GenerateOptions, GenerationModel, GenerationResult } from '../../src/generation/options.js'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.js'
import { tokenizerOf } from '../grammar/tokenizers.js'
import { ToyModel } from '../strategies/toy-model.js'

/** A language as settings ask for it, and an independent word on which texts are in it. */
export interface HeldLanguage {
  readonly settings: GenerationSettings
  has(text: string): boolean
  /** By default the text. */
  parse?(text: string): unknown
}

export function regex(source: string): HeldLanguage {
  const whole = new RegExp(`^(?:${source})$`, 'su')
  return { settings: { regex: source }, has: (text) => whole.test(text) }
}

export const choices = (...texts: string[]): HeldLanguage => ({
  settings: { choices: texts },
  has: (text) => texts.includes(text),
})

const json = (settings: GenerationSettings, isValid: (value: unknown) => boolean): HeldLanguage => ({
  settings: { ...settings, schema_in_prompt: false },
  has: (text) => isValid(JSON.parse(text)),
  parse: JSON.parse,
})

const SCHEMA = {
  type: 'object',
  properties: {
    a: { type: 'integer', maximum: 9 },
    b: { enum: ['x', 'yes'] },
    c: { type: 'string', maxLength: 3 },
  },
  required: ['b'],
  additionalProperties: false,
}

function fitsSchema(value: unknown): boolean {
  const { a = 0, b, c = '', ...others } = value as Record<string, unknown>
  return (
    Number.isInteger(a) &&
    ['x', 'yes'].includes(b as string) &&
    (c as string).length <= 6 &&
    Object.keys(others).length === 0
  )
}

const BRACKETS = 'root ::= "(" root ")" | "[" root? "]"'

/** Takes pairs away until none is left. */
function areBrackets(text: string): boolean {
  let rest = text
  for (let before = ''; before !== rest; ) {
    before = rest
    rest = rest.replace(/^\((.+)\)$|^\[(.*)\]$/s, '$1$2')
  }
  return rest === '' && text.endsWith(text.startsWith('(') ? ')' : ']')
}

/** By name: languages that are short, optional, of characters of several bytes, of free text, and of forced text. */
export const LANGUAGES: Readonly<Record<string, HeldLanguage>> = {
  'choices of which one begins the other': choices('a', 'ab'),
  'choices that share a beginning': choices('yes', 'no', 'nothing', 'noë'),
  numbers: regex('-?(?:0|[1-9]\\d{0,3})(?:\\.\\d{2})?'),
  'characters of several bytes': regex('(?:né|日本|😀){1,3}'),
  'a quoted text': regex('"[^"\\\\\\x00-\\x1f]{0,9}"'),
  'a record': regex('\\{"name": "[a-z ]{1,6}", "age": \\d{1,3}\\}'),
  'text with spaces at its ends': regex(' ?[a-c]{2} ?'),
  'a schema': json({ schema: SCHEMA }, fitsSchema),
  'a schema in YAML': {
    settings: { schema: SCHEMA, format: 'yaml', schema_in_prompt: false },
    has: (text) => fitsSchema(parse(text)),
    parse,
  },
  'a grammar': { settings: { grammar: BRACKETS }, has: areBrackets },
}

/** Ids of padding beyond the tokenizer. */
const PADDING = 7

export interface HeldModel extends GenerationModel {
  readonly model: ToyModel
  readonly path: string
}

/** A toy model with the tokens of a real tokenizer, and more scores than tokens. @param ends ids that end a text */
export async function heldModel(kind: string, ends: readonly number[] = [2]): Promise<HeldModel> {
  return modelOf(await tokenizerOf(kind), ends, kind)
}

export function modelOf(own: Tokenizer, ends: readonly number[], path: string): HeldModel {
  const tokenizer = { ...own, eosTokenIds: [...ends] }
  const generationConfig = { values: {}, origin: 'generation_config.json', fromModel: true }
  const model = new ToyModel({ vocabSize: tokenizer.vocabSize + PADDING })
  return { model, tokenizer, generationConfig, path }
}

/** The same without drafts: forced text is decoded token by token. */
export const undrafted = (model: HeldModel): HeldModel => ({
  ...model,
  model: Object.assign(new ToyModel({ vocabSize: model.model.vocabSize }), {
    lacks: { trees: 'it is a test' },
  }),
})

export const PROMPT = 'Say: '

/** Generates, and holds the result to what every result in a language keeps to. */
export async function held(
  model: GenerationModel,
  language: HeldLanguage,
  settings: GenerationSettings = {},
  options: GenerateOptions = {},
  prompt: Prompt = PROMPT,
): Promise<GenerationResult> {
  const generation = generate(model, prompt, { ...language.settings, ...settings }, options)
  const streamed: string[] = []
  for await (const { sequence, text } of generation) streamed[sequence] = `${streamed[sequence] ?? ''}${text}`
  const result = await generation.result()
  for (const [i, { text, value, finish_reason, ids, logprobs }] of result.sequences.entries()) {
    const said = JSON.stringify({ text, ids, finish_reason, ...language.settings, settings })
    expect(language.has(text), said).toBe(true)
    expect(value, said).toEqual(language.parse ? language.parse(text) : text)
    expect(['eos', 'length'], said).toContain(finish_reason)
    expect(streamed[i] ?? '', said).toBe(text)
    if (logprobs) expect(logprobs.map(({ id }) => id)).toEqual(ids)
  }
  return result
}

/** The least `max_new_tokens` that is served; undefined where the model's tokens cannot spell the language. */
export async function leastTokens(
  model: GenerationModel,
  { settings }: HeldLanguage,
): Promise<number | undefined> {
  for (let limit = 1; ; limit++) {
    try {
      await generate(model, PROMPT, { ...settings, max_new_tokens: limit }).result()
      return limit
    } catch (error) {
      const { message } = error as Error
      if (/cannot spell any text/.test(message)) return undefined
      if (!/raise max_new_tokens/.test(message)) throw error
    }
  }
}
