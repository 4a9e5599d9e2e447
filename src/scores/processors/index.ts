import type { GenerationConfig } from '../../config/index.js'
import type { LogitsProcessor, Random, RandomProcessor } from '../../strategies/strategy.js'
import { badWords, sequenceBias } from './bias.js'
import { sequenceBreakers } from './breakers.js'
import { dry } from './dry.js'
import {
  allowTokens,
  forcedBosToken,
  forcedEosToken,
  type PrefixAllowedTokens,
  prefixConstrained,
  suppressTokens,
  suppressTokensAtBegin,
} from './force.js'
import type { GrammarProcessors } from './grammar.js'
import { exponentialDecayLengthPenalty, minLength, minNewTokens } from './length.js'
import { mirostat } from './mirostat.js'
import { dynamicTemperature, normaliseLogits, removeInvalidValues, temperature } from './numeric.js'
import { noRepeatNgram, occurrencePenalties, repetitionPenalty } from './repetition.js'
import type { TextTokens } from './text-tokens.js'
import { epsilonCutoff, etaCutoff, minP, topH, topK, topNSigma, topP, typical, xtc } from './truncation.js'
import { watermark } from './watermark.js'

export { logSoftmax, softmax } from '../../strategies/softmax.js'
export type { PrefixAllowedTokens } from './force.js'
export type { GrammarProcessors } from './grammar.js'
export { combineGuidance } from './numeric.js'

/** What processors need to know beside the configuration. */
export interface ProcessorContext {
  /** Tokens of the prompt. */
  readonly promptLength: number
  readonly eosTokenIds: readonly number[]
  /** The most tokens that the sequence may have, prompt included. */
  readonly maxLength: number
  /** Needed where settings name text. */
  readonly tokenizer?: TextTokens
  readonly prefixAllowedTokensFn?: PrefixAllowedTokens
  /** Holds the scores to a grammar, which wins over all that the others forbid. */
  readonly grammar?: GrammarProcessors
  /** Run after HF's processors and before the warpers of sampling. */
  readonly userProcessors?: readonly RandomProcessor[]
  /** The random numbers of a processor, by its place, for a prefix of some length; by default unseeded. */
  readonly randomAt?: (processor: number, length: number) => Random
}

/**
 * The processors that `config` asks for, in the order of HF's `_get_logits_processor`. Those of other origin have llama.cpp's places among
 * them: penalties and DRY follow the repetition penalty; top-nσ is the first and XTC the last of the warpers that cut; a dynamic
 * temperature follows them. Mirostat stands for all that cut. Classifier-free guidance, which comes first in HF, needs a second forward
 * pass and is `combineGuidance`, applied before these. A grammar holds all that come before the warpers.
 * @throws UserError for settings that name text without a tokenizer
 */
export function buildProcessors(config: GenerationConfig, context: ProcessorContext): LogitsProcessor[] {
  const { randomAt = () => Math.random } = context
  const processors: RandomProcessor[] = [
    ...processorsBeforeWarpers(config, context),
    ...(config.do_sample ? samplingWarpers(config, context) : []),
    ...(config.watermarking_config ? [watermark(config.watermarking_config)] : []),
    ...(config.renormalize_logits ? [normaliseLogits()] : []),
  ]
  return processors.map(
    (process, i) => (logits, prefix) => process(logits, prefix, randomAt(i, prefix.length)),
  )
}

/** Those that come before the warpers of sampling. */
export function processorsBeforeWarpers(
  config: GenerationConfig,
  context: ProcessorContext,
): RandomProcessor[] {
  const processors = [
    ...scoreProcessors(config, context),
    ...lengthProcessors(config, context),
    ...forcingProcessors(config, context),
    ...(context.userProcessors ?? []),
  ]
  return context.grammar ? [context.grammar.hold(processors)] : processors
}

function* scoreProcessors(config: GenerationConfig, context: ProcessorContext) {
  if (config.sequence_bias) yield sequenceBias(config.sequence_bias)
  yield* penalties(config, context)
  if (config.no_repeat_ngram_size > 0) yield noRepeatNgram(config.no_repeat_ngram_size)
  if (config.bad_words_ids) yield badWords(config.bad_words_ids, context.eosTokenIds)
}

function* penalties(config: GenerationConfig, { promptLength, maxLength, tokenizer }: ProcessorContext) {
  const { repeat_last_n: last, presence_penalty: presence, frequency_penalty: frequency } = config
  // A window of the whole sequence is none.
  const window = last < maxLength ? last : -1
  if (config.repetition_penalty !== 1) yield repetitionPenalty(config.repetition_penalty, window)
  if (presence !== 0 || frequency !== 0) {
    yield occurrencePenalties({ presence, frequency }, promptLength, window)
  }
  if (config.dry_multiplier > 0) {
    yield dry({
      multiplier: config.dry_multiplier,
      base: config.dry_base,
      allowedLength: config.dry_allowed_length,
      last: config.dry_penalty_last_n,
      breakers: sequenceBreakers(config.dry_sequence_breakers, tokenizer),
    })
  }
}

function* lengthProcessors(config: GenerationConfig, { promptLength, eosTokenIds }: ProcessorContext) {
  if (config.min_new_tokens !== undefined) {
    yield minNewTokens(config.min_new_tokens, promptLength, eosTokenIds)
  } else if (config.min_length > 0) {
    yield minLength(config.min_length, eosTokenIds)
  }
}

function* forcingProcessors(config: GenerationConfig, context: ProcessorContext) {
  const { promptLength, eosTokenIds, maxLength, prefixAllowedTokensFn } = context
  if (prefixAllowedTokensFn) yield prefixConstrained(prefixAllowedTokensFn)
  if (config.forced_bos_token_id !== undefined) yield forcedBosToken(config.forced_bos_token_id)
  if (config.forced_eos_token_id) yield forcedEosToken(config.forced_eos_token_id, maxLength)
  if (config.remove_invalid_values) yield removeInvalidValues()
  if (config.exponential_decay_length_penalty) {
    yield exponentialDecayLengthPenalty(config.exponential_decay_length_penalty, promptLength, eosTokenIds)
  }
  if (config.allowed_token_ids) yield allowTokens(config.allowed_token_ids)
  if (config.suppress_tokens) yield suppressTokens(config.suppress_tokens)
  if (config.begin_suppress_tokens) {
    const afterForcedBos = promptLength === 1 && config.forced_bos_token_id !== undefined
    yield suppressTokensAtBegin(config.begin_suppress_tokens, afterForcedBos ? 2 : promptLength)
  }
}

function* samplingWarpers(config: GenerationConfig, context: ProcessorContext) {
  const { temperature: value, dynatemp_range: range } = config
  if (config.mirostat !== 0) {
    if (value !== 1) yield temperature(value)
    yield mirostat({ tau: config.mirostat_tau, eta: config.mirostat_eta, promptLength: context.promptLength })
    return
  }
  if (value !== 1 && range === 0) yield temperature(value)
  yield* cuts(config, context)
  if (range > 0) yield dynamicTemperature(value, range, config.dynatemp_exponent)
}

function* cuts(config: GenerationConfig, { eosTokenIds }: ProcessorContext) {
  // Beams need a continuation that is not the end of sequence.
  const keep = config.num_beams > 1 ? Math.max(2, eosTokenIds.length + 1) : 1
  if (config.top_n_sigma > 0) yield topNSigma(config.top_n_sigma, keep)
  if (config.top_h !== undefined) yield topH(config.top_h)
  if (config.top_k > 0) yield topK(config.top_k, keep)
  if (config.top_p < 1) yield topP(config.top_p, keep)
  if (config.min_p !== undefined) yield minP(config.min_p, keep)
  if (config.typical_p < 1) yield typical(config.typical_p, keep)
  if (config.epsilon_cutoff > 0) yield epsilonCutoff(config.epsilon_cutoff, keep)
  if (config.eta_cutoff > 0) yield etaCutoff(config.eta_cutoff, keep)
  if (config.xtc_probability > 0) yield xtc(config.xtc_probability, config.xtc_threshold, keep)
}
