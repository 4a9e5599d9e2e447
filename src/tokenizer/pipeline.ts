import { UserError } from '../errors.js'
import { isJsonObject } from '../json.js'
import { AddedVocabulary } from './added-vocabulary.js'
import { Bpe } from './bpe.js'
import { checkBpe } from './bpe-schema.js'
import { hasForeignRegex } from './file-regex.js'
import { createNormalizer } from './normalizer.js'
import { type EncodedToken, Offsets, ownSources } from './offsets.js'
import { createPostProcessor, type OffsetTrim, offsetTrim, type PostProcessor } from './post-processor.js'
import { createPreTokenizer, type PreTokenizer } from './pre-tokenizer.js'
import { checkAddedTokens, type SpecialTokens, specialToken, specialTokens } from './special-tokens.js'
import { withinTime } from './time-limit.js'
import { type TokenDecoding, tokenDecoding } from './token-decoder.js'
import { tokenizerClass } from './tokenizer-class.js'
import type { TokenizerFiles } from './tokenizer-files.js'
import { type TokenizerJson, unsupportedTokenizer } from './tokenizer-json.js'

/** Text to ids and ids to text, as transformers' fast tokenizers do it with the same files. */
export class Pipeline {
  readonly model: Bpe
  readonly added: AddedVocabulary
  readonly special: SpecialTokens
  readonly decoding: TokenDecoding
  private readonly preTokenize: PreTokenizer
  private readonly postProcess: PostProcessor
  private readonly trim: OffsetTrim | undefined
  private readonly run: Run

  /** @throws UserError for a kind of tokenizer that is not supported, and content that is wrong, naming file and field */
  constructor(files: TokenizerFiles) {
    const config = files.tokenizerConfig ?? {}
    checkConfig(config)
    const rebuilt = tokenizerClass(files.hints ?? {}, files.tokenizerJson)
    const added = checkAddedTokens(files.tokenizerJson.added_tokens)
    this.special = specialTokens(
      {
        added,
        config,
        specialTokensMap: files.specialTokensMap,
        addedTokens: files.addedTokens,
        padToken: padToken(files.tokenizerJson),
        defaults: rebuilt?.defaults,
      },
      rebuilt !== undefined,
    )
    const { named } = this.special
    const json = { ...files.tokenizerJson, ...rebuilt?.pipeline(config) }
    this.run = guard(json)
    this.model = createModel(json, rebuilt && { unk_token: named.get('unk_token'), ...rebuilt.model })
    this.preTokenize = createPreTokenizer(json.pre_tokenizer)
    this.postProcess = createPostProcessor(json.post_processor)
    this.trim = offsetTrim(json.post_processor)
    this.decoding = tokenDecoding(json.decoder)
    this.added = new AddedVocabulary(
      this.model,
      createNormalizer(json.normalizer),
      Boolean(config.split_special_tokens),
    )
    const plain = rebuilt?.addsPlain ? [...named.values(), ...this.special.extra].map(specialToken) : []
    this.run(0, () => {
      if (!rebuilt) this.added.add(added)
      this.added.add([...this.special.added, ...plain])
    })
  }

  encode(text: string, addSpecialTokens: boolean): number[] {
    return this.run(text.length, () => {
      const ids: number[] = []
      for (const section of this.added.split(text)) {
        if ('id' in section) ids.push(section.id)
        else for (const word of this.preTokenize(section).texts) this.model.encode(word, ids)
      }
      return addSpecialTokens ? this.postProcess(ids, (id) => id) : ids
    })
  }

  /** The same with the characters that each token stands for; those that are put around the text stand for none. */
  encodeWithOffsets(text: string, addSpecialTokens: boolean): EncodedToken[] {
    return this.run(text.length, () => {
      const offsets = new Offsets(text)
      const tokens: EncodedToken[] = []
      for (const section of this.added.split(text, ownSources(text))) {
        const sources = section.sources!
        if ('id' in section) {
          tokens.push(offsets.token(section.id, sources[0], sources[sources.length - 1]))
          continue
        }
        const words = this.preTokenize(section)
        for (const [i, word] of words.texts.entries()) {
          const { ids, lengths } = this.model.encodeWithLengths(word)
          tokens.push(...offsets.wordTokens(word, ids, lengths, words.sources![i]))
        }
      }
      // Rust trims offsets wherever it processes at all, and does so without special tokens, too.
      const spelled = (id: number) => this.model.tokens[id] ?? ''
      const trimmed = this.trim
        ? tokens.map((token, i) => this.trim!(token, spelled(token.id), i === 0))
        : tokens
      return addSpecialTokens ? this.postProcess(trimmed, (id) => ({ id, start: 0, end: 0 })) : trimmed
    })
  }
}

/** The JSON of a tokenizer that this project made itself has a vocabulary in its own format. */
function createModel(json: TokenizerJson, changes: object | undefined): Bpe {
  const isOwn = isJsonObject(json.model) && Array.isArray(json.model.vocab)
  return new Bpe({ ...(isOwn ? json.model : checkBpe(json.model)), ...changes })
}

/** Milliseconds that the regexes of a file may take for any text, and for each of its characters. */
const TIME = 1_500
const TIME_A_CHARACTER = 0.02

/** @param length of the text that the work is for */
type Run = <Result>(length: number, work: () => Result) => Result

/** Runs work with the regexes of a file within a time limit, and tells of what JavaScript refuses of them. */
function guard(json: TokenizerJson): Run {
  const isForeign =
    hasForeignRegex(json.normalizer, 'normalizer', 'normalizers') ||
    hasForeignRegex(json.pre_tokenizer, 'pre_tokenizer', 'pretokenizers')
  return (length, work) => {
    try {
      if (!isForeign) return work()
      return withinTime(
        work,
        "A regex of this model's tokenizer.json",
        Math.round(TIME + length * TIME_A_CHARACTER),
      )
    } catch (error) {
      if (error instanceof UserError) throw error
      throw new UserError(`This model's tokenizer cannot read the text: ${(error as Error).message}.`, 1, {
        cause: error,
      })
    }
  }
}

function checkConfig(config: Readonly<Record<string, unknown>>): void {
  const flag = 'clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output'
  if (config.clean_up_tokenization_spaces && config[flag]) throw unsupportedTokenizer(`"${flag}"`)
}

function padToken({ padding }: TokenizerJson): string | undefined {
  return isJsonObject(padding) && typeof padding.pad_token === 'string' ? padding.pad_token : undefined
}
