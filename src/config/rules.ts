import { usageError } from '../errors.js'
import { checkContradictions } from './contradictions.js'
import type { Sources } from './layers.js'
import { type GenerationConfig, type GenerationField, generationConfigSchema } from './schema.js'
import { isHeld } from './structured.js'

/** Fields of a model's generation_config.json that say nothing about decoding here: HF's records and its runtime's settings. */
const bookkeepingFields: ReadonlySet<string> = new Set([
  '_commit_hash',
  '_from_model_config',
  'cache_config',
  'cache_implementation',
  'compile_config',
  'continuous_batching_config',
  'disable_compile',
  'is_assistant',
  'max_cache_len',
  'return_dict_in_generate',
  'transformers_version',
  'trust_remote_code',
  'use_cache',
])

/** The settings of a file that HF's save_pretrained wrote, without what says nothing about decoding here. */
export function withoutBookkeeping(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !bookkeepingFields.has(name)))
}

/** Arguments of HF's generate() that its GenerationConfig rejects. */
export const callArguments: ReadonlySet<string> = new Set([
  'assistant_model',
  'logits_processor',
  'negative_prompt_attention_mask',
  'negative_prompt_ids',
  'prefix_allowed_tokens_fn',
  'stopping_criteria',
  'streamer',
  'synced_gpus',
])

const encoderDecoder = 'encoder-decoder models, which are not served'
const assisted = 'a kind of assisted generation that is not served yet'
const ownCache = 'a choice of cache or compilation, but there is one cache here, and nothing to compile'

/**
 * The fields that may not leave their default, and why: what they ask for is not served. Serving a mode means
 * taking its fields out of this table.
 */
const unserved: Partial<Record<GenerationField, string>> = {
  constraints: 'constraints as objects of Python: give their tokens as force_words_ids',
  low_memory: 'less memory at the cost of time, but candidates share one cache here',
  use_mtp: assisted,
  assistant_ensemble_weight: assisted,
  speculation_type: assisted,
  is_assistant: assisted,
  encoder_repetition_penalty: encoderDecoder,
  encoder_no_repeat_ngram_size: encoderDecoder,
  decoder_start_token_id: encoderDecoder,
  output_attentions: 'attention weights, which the graphs do not output',
  use_cache: ownCache,
  cache_config: ownCache,
  max_cache_len: ownCache,
  compile_config: ownCache,
  cache_implementation: ownCache,
  prefill_chunk_size: 'prefill in chunks, which is not served yet',
  continuous_batching_config: 'continuous batching, for which `llm batch` has flags',
}

const defaults = generationConfigSchema.parse({})

/** Values beside the default which ask for nothing more than it. */
const harmless: Partial<Record<GenerationField, unknown>> = {
  cache_implementation: 'dynamic',
}

/** Whether a field can be set to something other than its default. */
export function isServed(field: GenerationField): boolean {
  return !(field in unserved)
}

/** @throws UserError where a field asks for what is not served. */
export function refuseUnserved(config: GenerationConfig, sources: Sources): void {
  for (const [field, { value, origin }] of sources) {
    const reason = unserved[field]
    if (!reason || config[field] === defaults[field] || config[field] === harmless[field]) continue
    const fallback = defaults[field] === undefined ? 'leave it unset' : `set it to ${defaults[field]}`
    throw usageError(
      `${field} in ${origin} is ${JSON.stringify(value)}, which asks for ${reason}: ${fallback}.`,
    )
  }
}

/** @throws UserError for a combination of values that HF rejects. */
export function checkCombinations(config: GenerationConfig, sources: Sources): void {
  const { do_sample, num_beams, num_return_sequences, temperature } = config
  if (do_sample && temperature === 0) {
    throw usageError(
      'temperature cannot be 0 while do_sample is true: set do_sample to false to take the best token.',
    )
  }
  if (num_return_sequences > 1 && num_beams === 1 && !do_sample) {
    throw usageError(
      `num_return_sequences is ${num_return_sequences}, but greedy decoding has one result: set do_sample to true, or num_beams to as many.`,
    )
  }
  if (num_beams > 1 && num_return_sequences > num_beams) {
    throw usageError(
      `num_return_sequences (${num_return_sequences}) cannot be above num_beams (${num_beams}).`,
    )
  }
  checkContradictions(config, sources)
  for (const field of ['forced_bos_token_id', 'forced_eos_token_id'] as const) {
    requireForced(field, [config[field] ?? []].flat(), config)
  }
}

/** Fields that say as text what others say as ids. */
export const TOKENS_IN_WORDS = [
  'eos_token',
  'bos_token',
  'pad_token',
  'forced_bos_token',
  'forced_eos_token',
] as const

/** @throws UserError where all tokens that are to be forced are forbidden */
function requireForced(
  field: GenerationField,
  forced: readonly number[],
  { suppress_tokens: suppressed, allowed_token_ids: allowed }: GenerationConfig,
): void {
  if (forced.length === 0) return
  const refuse = (fault: string, remedy: string) => {
    throw usageError(
      `${fault} every token of ${field} (${forced.join(', ')}), which leaves no token to generate: ${remedy} one of the two.`,
    )
  }
  if (forced.every((token) => suppressed?.includes(token))) refuse('suppress_tokens holds', 'take it out of')
  if (allowed && !forced.some((token) => allowed.includes(token))) refuse('allowed_token_ids lacks', 'change')
}

/** Warpers that cut, and that Mirostat stands for. */
const cutFields = [
  'top_p',
  'min_p',
  'top_h',
  'typical_p',
  'top_k',
  'epsilon_cutoff',
  'eta_cutoff',
  'top_n_sigma',
  'xtc_probability',
  'xtc_threshold',
] as const
const mirostatFields = ['mirostat_tau', 'mirostat_eta'] as const
const dynatempFields = ['dynatemp_range', 'dynatemp_exponent'] as const
const samplingFields = [
  'temperature',
  ...cutFields,
  'mirostat',
  ...mirostatFields,
  ...dynatempFields,
] as const
const dryFields = ['dry_base', 'dry_allowed_length', 'dry_penalty_last_n', 'dry_sequence_breakers'] as const
const beamFields = ['early_stopping', 'length_penalty'] as const
const outputFields = ['output_attentions', 'output_hidden_states', 'output_scores', 'output_logits'] as const

/** What HF's validation warns of, for the fields that the user set. */
export function collectWarnings(config: GenerationConfig, sources: Sources): string[] {
  const warnings: string[] = []
  const changed = (field: GenerationField) =>
    sources.get(field)?.isWarnedOf === true && config[field] !== defaults[field]
  const warn = (fields: readonly GenerationField[], remedy: string) => {
    for (const field of fields) {
      if (changed(field))
        warnings.push(`${field} is ${JSON.stringify(config[field])}, but has no effect: ${remedy}.`)
    }
  }
  // The candidates of contrastive search are the top k.
  const idle =
    (config.penalty_alpha ?? 0) > 0 ? samplingFields.filter((name) => name !== 'top_k') : samplingFields
  if (!config.do_sample) warn(idle, 'set do_sample to true')
  else warnOfSamplers(config, warn)
  if (config.dry_multiplier === 0) warn(dryFields, 'set dry_multiplier')
  if (config.repetition_penalty === 1 && config.presence_penalty === 0 && config.frequency_penalty === 0) {
    warn(['repeat_last_n'], 'set repetition_penalty, presence_penalty or frequency_penalty')
  }
  if (config.num_beams === 1) warn(beamFields, 'it belongs to beam search')
  if (config.prompt_lookup_num_tokens === undefined) {
    warn(['max_matching_ngram_size'], 'set prompt_lookup_num_tokens')
  }
  if (config.best_of === undefined) warn(['select_by', 'answer_pattern', 'mbr_utility'], 'set best_of')
  if (config.select_by !== 'majority') warn(['answer_pattern'], 'set select_by to majority')
  if (config.select_by !== 'mbr') warn(['mbr_utility'], 'set select_by to mbr')
  if (!config.thinking_waits) warn(['thinking_wait_text'], 'set thinking_waits')
  if (!config.thinking_waits && config.thinking_budget === undefined && !isHeld(config)) {
    warn(['thinking_start', 'thinking_end'], 'set thinking_budget or thinking_waits')
  }
  if (config.schema === undefined) {
    warn(['any_order'], 'set schema')
    if (!config.json_object) warn(['pretty', 'schema_in_prompt'], 'set schema or json_object')
  }
  if (config.tools === undefined) warn(['tool_choice', 'parallel_tool_calls', 'tool_format'], 'set tools')
  if (!config.return_dict_in_generate) warn(outputFields, 'set return_dict_in_generate to true')
  if (config.max_new_tokens !== undefined) warn(['max_length'], 'max_new_tokens wins over it')
  if (config.min_new_tokens !== undefined) warn(['min_length'], 'min_new_tokens wins over it')
  for (const field of TOKENS_IN_WORDS) {
    if (config[field] !== undefined) warn([`${field}_id`], `${field} wins over it`)
  }
  if ((config.pad_token_id ?? 0) < 0 && changed('pad_token_id')) {
    warnings.push(
      `pad_token_id is ${config.pad_token_id}, but should not be negative: batches cannot be padded.`,
    )
  }
  return warnings
}

/** Samplers that another setting takes the effect of, where tokens are drawn. */
function warnOfSamplers(
  { mirostat, top_k, xtc_probability, xtc_threshold, dynatemp_range }: GenerationConfig,
  warn: (fields: readonly GenerationField[], remedy: string) => void,
): void {
  if (mirostat !== 0) {
    const replaced = [...cutFields, ...dynatempFields].filter((field) => field !== 'top_k' || top_k > 0)
    warn(replaced, 'mirostat stands in its place, set that to 0')
    return
  }
  warn(mirostatFields, 'set mirostat to 2')
  if (xtc_probability === 0) warn(['xtc_threshold'], 'set xtc_probability')
  else if (xtc_threshold > 0.5) warn(['xtc_probability'], 'set xtc_threshold to 0.5 or less')
  if (dynatemp_range === 0) warn(['dynatemp_exponent'], 'set dynatemp_range')
}
