import type { GenerationModel } from '../../src/generation/options.js'
import type { Model } from '../../src/model/model.js'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.js'

/** A tokenizer that spells each id in decimal with a space after it: `encode('3 14 ')` is [3, 14]. */
export function stubTokenizer(vocabSize: number): Tokenizer {
  const idToToken = (id: number) => (id < vocabSize ? `${id} ` : undefined)
  const encode = (text: string) => text.split(' ').filter(Boolean).map(Number)
  return {
    vocabSize,
    bosToken: undefined,
    eosToken: undefined,
    padToken: undefined,
    unkToken: undefined,
    eosTokenIds: [],
    specialIds: new Set(),
    chatTemplate: undefined,
    hasChatTemplate: false,
    encodeWithOffsets: () => [],
    encode,
    decode: (ids) => ids.map((id) => idToToken(id) ?? '').join(''),
    tokenToId: (token) => encode(token).at(0),
    idToToken,
    tokenBytes: (id) => (id < vocabSize ? new TextEncoder().encode(idToToken(id)) : undefined),
    newDecoder: () => ({ push: (token) => token, flush: () => '' }),
    applyChatTemplate: (messages) => messages.map(({ content }) => content).join(''),
  }
}

/** A model without files; `settings` stand for its generation_config.json. */
export function stubModel(model: Model, settings: Record<string, unknown> = {}): GenerationModel {
  const generationConfig = { values: settings, origin: 'generation_config.json', fromModel: true }
  return { model, tokenizer: stubTokenizer(model.vocabSize), generationConfig }
}
