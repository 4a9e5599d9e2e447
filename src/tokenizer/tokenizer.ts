import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as hf from '@huggingface/tokenizers'
import { UserError } from '../errors.js'
import { Bpe } from './bpe.js'
import { type ChatOptions, type Message, renderChatTemplate } from './chat-template.js'
import { createDetokenizer } from './detokenizer.js'
import { faithfulPreTokenizer } from './pre-tokenizer.js'
import { ChatTemplates, readTemplateFiles } from './template-files.js'
import { type TokenDecoder, tokenDecoderFactory } from './token-decoder.js'
import { type SpecialToken, type TokenizerConfig, type TokenizerJson, unsupported } from './tokenizer-json.js'

/** Text to token ids and back, as HF's fast tokenizers do it. */
export interface Tokenizer {
  /** One more than the highest id that has a token. */
  readonly vocabSize: number
  readonly bosToken: string | undefined
  readonly eosToken: string | undefined
  readonly padToken: string | undefined
  readonly unkToken: string | undefined
  /** Ids that end a text: EOS first, then further end-of-turn tokens of a GGUF file. */
  readonly eosTokenIds: readonly number[]
  /** Ids that `skipSpecialTokens` leaves out. */
  readonly specialIds: ReadonlySet<number>
  /** The chat template (Jinja) for plain chats. */
  readonly chatTemplate: string | undefined
  /** Whether there is a chat template, be it one that cannot be used or one of several of which none is for plain chats. */
  readonly hasChatTemplate: boolean
  /** Ids of a text; with BOS and EOS where the model wants them, unless `addSpecialTokens` is false. */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[]
  /** Text of ids; ids without a token are left out, invalid UTF-8 becomes U+FFFD. */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string
  tokenToId(token: string): number | undefined
  /** The token as the vocabulary spells it (`Ġthe`, `▁the`, `<0x0A>`), undefined for an id without one. */
  idToToken(id: number): string | undefined
  /** A decoder at the start of a text; `createDetokenizer` is the friendlier way. */
  newDecoder(): TokenDecoder
  /**
   * The prompt text of a chat, to be encoded with `addSpecialTokens: false` (templates write BOS themselves).
   * @throws UserError without a template, and as `renderChatTemplate`
   */
  applyChatTemplate(messages: readonly Message[], options?: ApplyChatTemplateOptions): string
}

export interface ApplyChatTemplateOptions extends ChatOptions {
  /** A template to use instead of the tokenizer's own, or the name of one of these. */
  readonly chatTemplate?: string
}

export interface TokenizerFiles {
  readonly tokenizerJson: TokenizerJson
  readonly tokenizerConfig?: TokenizerConfig
}

/**
 * Loads a tokenizer.
 * @param source a directory in HF layout (`tokenizer.json`, and where present `tokenizer_config.json`,
 *   `special_tokens_map.json` and chat templates, see `readTemplateFiles`), or the parsed files.
 * @throws UserError for a missing or broken file, or a kind of tokenizer that is not supported.
 */
export async function loadTokenizer(source: string | TokenizerFiles): Promise<Tokenizer> {
  const files = typeof source === 'string' ? await readTokenizerFiles(source) : source
  return createTokenizer(files.tokenizerJson, files.tokenizerConfig ?? {})
}

function createTokenizer(json: TokenizerJson, config: TokenizerConfig): Tokenizer {
  const bpe = createBpe(json)
  const pipeline = createPipeline(json, bpe)
  const newDecoder = tokenDecoderFactory(json.decoder)
  const specialTokens = specialTokenTexts(config)
  const eosId = bpe.ids.get(specialTokens.eos_token ?? '')
  const eosIds = [eosId, ...(config.extra_eos_token_ids ?? [])].filter((id) => id !== undefined)
  const special = (json.added_tokens ?? []).filter((token) => token.special)
  const templates = new ChatTemplates(config.chat_template)
  const tokenizer: Tokenizer = {
    vocabSize: bpe.tokens.length,
    bosToken: specialTokens.bos_token,
    eosToken: specialTokens.eos_token,
    padToken: specialTokens.pad_token,
    unkToken: specialTokens.unk_token ?? bpe.unkToken,
    eosTokenIds: [...new Set(eosIds)],
    specialIds: new Set(special.map((token) => token.id)),
    chatTemplate: templates.plain,
    hasChatTemplate: !templates.isEmpty,
    encode(text, { addSpecialTokens = true } = {}) {
      // A lone surrogate is no character: it would slip through byte-level models only.
      const wellFormed = text.replace(/\p{Surrogate}/gu, '\uFFFD')
      return pipeline.encode(wellFormed, { add_special_tokens: addSpecialTokens }).ids
    },
    decode(ids, { skipSpecialTokens = false } = {}) {
      const detokenizer = createDetokenizer(tokenizer, { skipSpecialTokens })
      return ids.map((id) => detokenizer.push(id)).join('') + detokenizer.flush()
    },
    tokenToId: (token) => bpe.ids.get(token),
    idToToken: (id) => bpe.tokens[id],
    newDecoder,
    applyChatTemplate(messages, { chatTemplate, ...options } = {}) {
      const template = templates.pick(options.tools !== undefined, chatTemplate)
      return renderChatTemplate(template, messages, {
        ...options,
        variables: { ...specialTokens, ...options.variables },
      })
    },
  }
  return tokenizer
}

/** What is used of @huggingface/tokenizers; its own declarations do not resolve under NodeNext. */
interface Pipeline {
  model: ((words: string[]) => string[]) & { tokens_to_ids: Map<string, number> }
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] }
}
const { Tokenizer: Pipeline } = hf as unknown as { Tokenizer: new (json: object, config: object) => Pipeline }

/**
 * The package's normalizer, pre-tokenizer, added tokens and post-processor around our model. Its own BPE
 * would hash a JSON string for every merge, and its decoders cannot stream.
 */
function createPipeline(json: TokenizerJson, bpe: Bpe): Pipeline {
  const parts = {
    added_tokens: json.added_tokens ?? [],
    normalizer: json.normalizer ?? null,
    pre_tokenizer: faithfulPreTokenizer(json.pre_tokenizer),
    model: { type: 'BPE', vocab: {}, merges: [] },
    post_processor: json.post_processor ?? null,
    decoder: null,
  }
  try {
    const pipeline = new Pipeline(parts, {})
    pipeline.model = Object.assign((words: string[]) => bpe.encode(words), { tokens_to_ids: bpe.ids })
    return pipeline
  } catch (error) {
    throw unsupported(`a part of it (${(error as Error).message})`, { cause: error })
  }
}

function createBpe(json: TokenizerJson): Bpe {
  const { type = 'BPE' } = json.model
  if (type !== 'BPE') throw unsupported(`the model "${type}"`)
  const bpe = new Bpe(json.model)
  for (const { content, id } of json.added_tokens ?? []) bpe.add(content, id)
  return bpe
}

function specialTokenTexts({ bos_token, eos_token, pad_token, unk_token }: TokenizerConfig) {
  const text = (token: SpecialToken | undefined) => (typeof token === 'string' ? token : token?.content)
  return {
    bos_token: text(bos_token),
    eos_token: text(eos_token),
    pad_token: text(pad_token),
    unk_token: text(unk_token),
  }
}

async function readTokenizerFiles(directory: string): Promise<TokenizerFiles> {
  const [tokenizerJson, config, specialTokens] = await Promise.all([
    readJson<TokenizerJson>(directory, 'tokenizer.json'),
    readJson<TokenizerConfig>(directory, 'tokenizer_config.json'),
    readJson<TokenizerConfig>(directory, 'special_tokens_map.json'),
  ])
  if (!tokenizerJson?.model) {
    const fault = tokenizerJson ? 'has no "model"' : 'is missing'
    throw new UserError(`${join(directory, 'tokenizer.json')} ${fault}: the model needs it to read text.`)
  }
  const template = await readTemplateFiles(directory, config?.chat_template)
  return { tokenizerJson, tokenizerConfig: { ...specialTokens, ...config, chat_template: template } }
}

async function readJson<T>(directory: string, name: string): Promise<T | undefined> {
  const path = join(directory, name)
  const text = await readText(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw new UserError(`${path} is not valid JSON: ${(error as Error).message}`, 1, { cause: error })
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new UserError(`${path} cannot be read: ${(error as Error).message}`, 1, { cause: error })
  }
}
