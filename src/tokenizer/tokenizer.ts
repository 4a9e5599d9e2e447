import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { UserError } from '../errors.js'
import { readJsonObjectIfThere } from '../files.js'
import { isJsonObject } from '../json.js'
import { checkBpe } from './bpe-schema.js'
import { renderChatTemplate, type TemplateOptions } from './chat-template.js'
import { createDetokenizer } from './detokenizer.js'
import type { Message } from './message.js'
import type { EncodedToken } from './offsets.js'
import { Pipeline } from './pipeline.js'
import { ChatTemplates, readTemplateFiles } from './template-files.js'
import type { TokenDecoder } from './token-decoder.js'
import type { TokenizerFiles } from './tokenizer-files.js'
import type { TokenizerJson } from './tokenizer-json.js'

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
  /** The same with the characters that each token stands for, in code points (HF's `return_offsets_mapping`). */
  encodeWithOffsets(text: string, options?: { addSpecialTokens?: boolean }): EncodedToken[]
  /** Text of ids; ids without a token are left out, invalid UTF-8 becomes U+FFFD. */
  decode(ids: readonly number[], options?: { skipSpecialTokens?: boolean }): string
  tokenToId(token: string): number | undefined
  /** The token as the vocabulary spells it (`Ġthe`, `▁the`, `<0x0A>`), undefined for an id without one. */
  idToToken(id: number): string | undefined
  /**
   * Bytes that a token stands for in the middle of a text: UTF-8, or a part of it (half a character). Undefined for an id without a token.
   */
  tokenBytes(id: number): Uint8Array | undefined
  /** A hash of all that `tokenBytes` and `specialIds` tell; a tokenizer of one's own may be without. */
  fingerprint?(): string
  /** A decoder at the start of a text; `createDetokenizer` is the friendlier way. */
  newDecoder(): TokenDecoder
  /**
   * The prompt text of a chat, to be encoded with `addSpecialTokens: false` (templates write BOS themselves).
   * @throws UserError without a template, and as `renderChatTemplate`
   */
  applyChatTemplate(messages: readonly Message[], options?: ApplyChatTemplateOptions): string
}

export interface ApplyChatTemplateOptions extends TemplateOptions {
  /** A template to use instead of the tokenizer's own, or the name of one of these. */
  readonly chatTemplate?: string
}

/**
 * Loads a tokenizer.
 * @param source a directory in HF layout (`tokenizer.json`, and where present `tokenizer_config.json`,
 *   `special_tokens_map.json`, `added_tokens.json` and chat templates, see `readTemplateFiles`), or the parsed files.
 * @throws UserError for a missing or broken file, or a kind of tokenizer that is not supported.
 */
export async function loadTokenizer(source: string | TokenizerFiles): Promise<Tokenizer> {
  const files = typeof source === 'string' ? await readTokenizerFiles(source) : source
  return createTokenizer(files)
}

function createTokenizer(files: TokenizerFiles): Tokenizer {
  const config = files.tokenizerConfig ?? {}
  const pipeline = new Pipeline(files)
  const { model, added, special } = pipeline
  const { newDecoder, bytesOf } = pipeline.decoding
  const specialTokens = Object.fromEntries(special.named)
  const eosId = added.idOf(specialTokens.eos_token ?? '')
  const eosIds = [eosId, ...(config.extra_eos_token_ids ?? [])].filter((id) => id !== undefined)
  const templates = new ChatTemplates(config.chat_template)
  const tokenizer: Tokenizer = {
    vocabSize: Math.max(model.tokens.length, added.size),
    bosToken: specialTokens.bos_token,
    eosToken: specialTokens.eos_token,
    padToken: specialTokens.pad_token,
    unkToken: specialTokens.unk_token ?? model.unkToken,
    eosTokenIds: [...new Set(eosIds)],
    specialIds: added.specialIds(),
    chatTemplate: templates.plain,
    hasChatTemplate: !templates.isEmpty,
    encode: (text, { addSpecialTokens = true } = {}) => pipeline.encode(wellFormed(text), addSpecialTokens),
    encodeWithOffsets: (text, { addSpecialTokens = true } = {}) =>
      pipeline.encodeWithOffsets(wellFormed(text), addSpecialTokens),
    decode(ids, { skipSpecialTokens = false } = {}) {
      const detokenizer = createDetokenizer(tokenizer, { skipSpecialTokens })
      return ids.map((id) => detokenizer.push(id)).join('') + detokenizer.flush()
    },
    tokenToId: (token) => added.idOf(token),
    idToToken: (id) => added.tokenOf(id),
    tokenBytes(id) {
      const token = added.tokenOf(id)
      return token === undefined ? undefined : bytesOf(token)
    },
    fingerprint() {
      const special = [...tokenizer.specialIds]
      const identity = JSON.stringify([pipeline.decoding.json, special, added.entries(), model.tokens])
      return createHash('sha256').update(identity).digest('hex')
    },
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

/** A lone surrogate is no character: it would slip through byte-level models only. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD')
}

async function readTokenizerFiles(directory: string): Promise<TokenizerFiles> {
  const [tokenizerJson, config, specialTokensMap, addedTokens, model] = await Promise.all([
    readJsonObjectIfThere(join(directory, 'tokenizer.json')),
    readJsonObjectIfThere(join(directory, 'tokenizer_config.json')),
    readJsonObjectIfThere(join(directory, 'special_tokens_map.json')),
    readJsonObjectIfThere(join(directory, 'added_tokens.json')),
    readJsonObjectIfThere(join(directory, 'config.json')),
  ])
  if (!tokenizerJson?.model) {
    const fault = tokenizerJson ? 'has no "model"' : 'is missing'
    throw new UserError(`${join(directory, 'tokenizer.json')} ${fault}: the model needs it to read text.`)
  }
  // A list is a vocabulary of another model than BPE, or of this project's own making, which no file has.
  if (isJsonObject(tokenizerJson.model) && Array.isArray(tokenizerJson.model.vocab))
    checkBpe(tokenizerJson.model)
  const template = await readTemplateFiles(directory, config?.chat_template)
  return {
    tokenizerJson: tokenizerJson as unknown as TokenizerJson,
    tokenizerConfig: { ...config, chat_template: template },
    specialTokensMap,
    addedTokens,
    hints: {
      tokenizerClass: textOf(config?.tokenizer_class) ?? textOf(model?.tokenizer_class),
      modelType: textOf(model?.model_type),
    },
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
