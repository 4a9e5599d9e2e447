import * as z from 'zod'
import { count, type FieldMeta, fraction, group, oneOrMore } from './field.js'
import { llamaCpp } from './llama-cpp.js'
import { choosing, thinking, wordFields } from './own-fields.js'
import { structured } from './structured.js'
import { tokenBiases } from './token-biases.js'

export type { FieldKind, FieldMeta } from './field.js'

const token = z.int().min(0)
const positive = z.int().min(1)
/** A pass over many more takes minutes in which nothing else is heard. */
const MOST_BEAMS = 4096
const cutoff = z.number().min(0).lt(1)
const json = z.record(z.string(), z.unknown())

const tokenList = z.array(token).min(1)
const tokenLists = z.array(tokenList)
const biases = z.array(z.tuple([z.array(token).min(1), z.union([z.number(), z.literal(false)])]))
const cacheImplementations = [
  'dynamic',
  'static',
  'offloaded',
  'offloaded_static',
  'quantized',
  'paged',
  'sliding_window',
  'hybrid',
  'hybrid_chunked',
  'offloaded_hybrid',
  'offloaded_hybrid_chunked',
] as const

const watermarking = z.strictObject(
  {
    greenlist_ratio: z.number().gt(0).lt(1).default(0.25),
    bias: z.number().default(2),
    hashing_key: z.int().min(0).default(15485863),
    seeding_scheme: z.enum(['lefthash', 'selfhash']).default('lefthash'),
    context_width: positive.default(1),
  },
  {
    error: ({ code, keys }) =>
      code === 'unrecognized_keys' && (keys as string[]).includes('ngram_len')
        ? 'SynthID watermarks are not served yet'
        : undefined,
  },
)

const length = group('length', {
  max_new_tokens: ['integer', positive.optional(), 'Most tokens to generate; wins over max_length [20]'],
  max_length: ['integer', positive.optional(), 'Most tokens of prompt and generated text together'],
  min_new_tokens: ['integer', count.optional(), 'Fewest tokens to generate; wins over min_length'],
  min_length: ['integer', count.default(0), 'Fewest tokens of prompt and generated text together'],
  max_time: ['number', z.number().gt(0).optional(), 'Seconds after which generation ends'],
  stop_strings: ['strings', oneOrMore(z.string().min(1)).optional(), 'Text that ends generation'],
})

const sampling = group('sampling', {
  do_sample: ['boolean', z.boolean().default(false), 'Draw tokens at random instead of taking the best'],
  temperature: [
    'number',
    z.number().min(0).default(1),
    'Divides the scores: below 1 sharper, above 1 flatter',
  ],
  top_k: ['integer', count.default(50), 'Keep the k most probable tokens; 0 keeps all'],
  top_p: ['number', fraction.default(1), 'Keep the fewest tokens that reach this probability together'],
  min_p: ['number', fraction.optional(), 'Keep tokens with this share of the best token’s probability'],
  top_h: [
    'number',
    z.number().gt(0).max(1).optional(),
    'Keep the best tokens up to this share of the entropy',
  ],
  typical_p: [
    'number',
    z.number().gt(0).max(1).default(1),
    'Keep the most typical tokens up to this probability',
  ],
  epsilon_cutoff: ['number', cutoff.default(0), 'Keep tokens at least this probable; 0 keeps all'],
  eta_cutoff: [
    'number',
    cutoff.default(0),
    'Like epsilon_cutoff, lower where the entropy is high; 0 keeps all',
  ],
  num_return_sequences: ['integer', positive.default(1), 'Sequences to generate for the prompt'],
  seed: ['integer', z.int().min(0).optional(), 'Seed of the random numbers; a fresh one by default'],
})

const logits = group('logits', {
  repetition_penalty: ['number', z.number().gt(0).default(1), 'Penalty on tokens seen before; 1 is none'],
  presence_penalty: [
    'number',
    z.number().default(0),
    'Taken from the score of each token that was generated before (OpenAI, vLLM)',
  ],
  frequency_penalty: ['number', z.number().default(0), 'The same, as often as it was generated'],
  no_repeat_ngram_size: ['integer', count.default(0), 'No n-gram of this size occurs twice; 0 allows it'],
  bad_words_ids: ['json', tokenLists.optional(), 'Token sequences that are never generated: [[ids], …]'],
  sequence_bias: [
    'json',
    biases.optional(),
    'Added to the score of what completes a sequence: [[[ids], bias], …]; false forbids',
  ],
  logit_bias: [
    'strings',
    tokenBiases.optional(),
    'Added to the score of a word or token id: word=number, or {"word": number, …} (OpenAI); false forbids',
  ],
  allowed_token_ids: ['integers', tokenList.optional(), 'The only tokens that are generated (vLLM)'],
  suppress_tokens: ['integers', z.array(token).optional(), 'Tokens that are never generated'],
  begin_suppress_tokens: ['integers', z.array(token).optional(), 'Tokens that are not generated first'],
  forced_bos_token_id: ['integer', token.optional(), 'The second token of the sequence'],
  forced_eos_token_id: [
    'integers',
    oneOrMore(token).optional(),
    'The last token where the length limit is reached',
  ],
  exponential_decay_length_penalty: [
    'json',
    z.tuple([count, z.number().gt(0)]).optional(),
    'Raises the end of sequence exponentially: [start, factor]',
  ],
  remove_invalid_values: ['boolean', z.boolean().default(false), 'Replace NaN and infinite scores'],
  renormalize_logits: ['boolean', z.boolean().default(false), 'Turn the final scores into log-probabilities'],
  guidance_scale: ['number', z.number().optional(), 'Classifier-free guidance; 1 is none'],
  amateur_alpha: [
    'number',
    fraction.default(0.1),
    'Share of the best token’s probability that a token must have beside an amateur model',
  ],
  amateur_beta: [
    'number',
    z.number().min(0).optional(),
    'Strength of the amateur model: (1 + beta) log p - beta log q [log p - log q]',
  ],
  watermarking_config: [
    'json',
    watermarking.optional(),
    'Watermark: {greenlist_ratio, bias, hashing_key, seeding_scheme, context_width}',
  ],
})

const special = group('special tokens', {
  bos_token_id: ['integer', token.optional(), 'Beginning of sequence'],
  eos_token_id: ['integers', oneOrMore(token).optional(), 'End of sequence, one or several'],
  pad_token_id: ['integer', z.int().optional(), 'Padding'],
  decoder_start_token_id: [
    'integers',
    oneOrMore(token).optional(),
    'First token of an encoder-decoder model',
  ],
})

const output = group('output', {
  return_dict_in_generate: ['boolean', z.boolean().default(false), 'Return what the output fields ask for'],
  output_scores: ['boolean', z.boolean().default(false), 'Return the processed scores of each step'],
  output_logits: ['boolean', z.boolean().default(false), 'Return the raw scores of each step'],
  output_hidden_states: ['boolean', z.boolean().default(false), 'Return the hidden states of each step'],
  output_attentions: ['boolean', z.boolean().default(false), 'Return the attentions of each step'],
})

const beams = group('beam search', {
  num_beams: ['integer', positive.max(MOST_BEAMS).default(1), 'Beams; 1 is no beam search'],
  early_stopping: [
    'json',
    z.literal([true, false, 'never']).default(false),
    'When beam search ends: true, false or "never"',
  ],
  length_penalty: ['number', z.number().default(1), 'Exponent of the length that divides a beam’s score'],
  num_beam_groups: ['integer', positive.default(1), 'Groups of beams that differ from one another'],
  diversity_penalty: ['number', z.number().min(0).default(0), 'Penalty on tokens that another group chose'],
  constraints: ['json', z.array(z.unknown()).optional(), 'Constraints on the beams'],
  force_words_ids: [
    'json',
    z
      .array(z.union([tokenList, z.array(tokenList).min(1)]))
      .min(1)
      .optional(),
    'Token sequences that must occur: [[ids], …]; of a list of lists [[[ids], [ids]], …] one has to',
  ],
})

const contrasts = group('contrastive search and DoLa', {
  penalty_alpha: ['number', z.number().min(0).optional(), 'Degeneration penalty of contrastive search'],
  dola_layers: [
    'json',
    z.union([z.enum(['low', 'high']), z.array(count)]).optional(),
    'Layers that DoLa contrasts',
  ],
})

const assisted = group('assisted generation', {
  use_mtp: ['boolean', z.boolean().default(false), 'Draft with the model’s multi-token prediction modules'],
  prompt_lookup_num_tokens: ['integer', positive.optional(), 'Tokens to draft from n-grams of the prompt'],
  max_matching_ngram_size: ['integer', positive.optional(), 'Longest n-gram that prompt lookup matches [2]'],
  num_assistant_tokens: ['integer', positive.default(20), 'Tokens to draft at a time'],
  num_assistant_tokens_schedule: [
    'string',
    z.enum(['constant', 'heuristic', 'heuristic_transient']).default('constant'),
    'How num_assistant_tokens changes',
  ],
  assistant_confidence_threshold: ['number', fraction.default(0.4), 'Drafting ends below this probability'],
  assistant_early_exit: ['integer', positive.optional(), 'Layer at which the model drafts for itself'],
  assistant_lookbehind: ['integer', positive.default(10), 'Draft tokens that re-encoding looks back at'],
  target_lookbehind: ['integer', positive.default(10), 'Target tokens that re-encoding looks back at'],
  assistant_ensemble_weight: [
    'number',
    z.number().gt(0).lt(1).optional(),
    'Weight of the target in a mixed verification',
  ],
  speculation_type: ['string', z.literal('dflash').optional(), 'Kind of speculation'],
  is_assistant: ['boolean', z.boolean().default(false), 'Whether this model drafts for another one'],
})

const runtime = group('runtime', {
  use_cache: ['boolean', z.boolean().default(true), 'Keep keys and values between steps'],
  cache_implementation: ['string', z.enum(cacheImplementations).optional(), 'Kind of key-value cache'],
  cache_config: ['json', json.optional(), 'Settings of the cache'],
  max_cache_len: ['integer', positive.optional(), 'Size of a static cache'],
  compile_config: ['json', json.optional(), 'Settings of compilation'],
  disable_compile: ['boolean', z.boolean().default(false), 'Never compile'],
  prefill_chunk_size: ['integer', positive.optional(), 'Prompt tokens to process at a time'],
  low_memory: ['boolean', z.boolean().default(false), 'Save memory in contrastive search'],
  token_healing: ['boolean', z.boolean().default(false), 'Let the first token replace the prompt’s last one'],
  continuous_batching_config: ['json', json.optional(), 'Settings of continuous batching'],
  encoder_repetition_penalty: [
    'number',
    z.number().gt(0).default(1),
    'Penalty on tokens that the encoder’s input lacks',
  ],
  encoder_no_repeat_ngram_size: [
    'integer',
    count.default(0),
    'No n-gram of this size comes from the encoder’s input',
  ],
})

/**
 * HF's GenerationConfig (transformers 5) with `seed`, the penalties, biases and allowed tokens of OpenAI and vLLM, the samplers of llama.cpp
 * by its names, and words in place of token ids. Each field's metadata (`fieldMeta`) says how it is written as a flag. Fields that take one
 * item or a list give a list; a field without a default is undefined when unset.
 */
export const generationConfigSchema = z.strictObject({
  ...length,
  ...sampling,
  ...logits,
  ...llamaCpp,
  ...wordFields,
  ...special,
  ...output,
  ...beams,
  ...contrasts,
  ...assisted,
  ...choosing,
  ...thinking,
  ...structured,
  ...runtime,
})

/** A resolved configuration. */
export type GenerationConfig = z.infer<typeof generationConfigSchema>
export type GenerationField = keyof GenerationConfig

/** The fields of groups of flags. */
export function fieldsOf(...groups: readonly string[]): GenerationField[] {
  const fields = Object.keys(generationConfigSchema.shape) as GenerationField[]
  return fields.filter((field) => groups.includes(fieldMeta(field).group))
}

/** The description, group and kind of a field. */
export function fieldMeta(field: GenerationField): FieldMeta {
  return generationConfigSchema.shape[field].meta() as unknown as FieldMeta
}
