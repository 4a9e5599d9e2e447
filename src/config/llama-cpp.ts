import * as z from 'zod'
import { count, fraction, group } from './field.js'

/** Last tokens of a sequence; -1 is all of them. */
const lastTokens = z.int().min(-1).default(-1)

/** llama.cpp cuts a breaker there. */
const LONGEST_BREAKER = 40
/** Each is searched for in every token of the vocabulary. */
const MOST_BREAKERS = 256
const breaker = z.string().min(1).max(LONGEST_BREAKER)
const breakers = z.preprocess(
  (value) => (Array.isArray(value) ? value : [value]),
  z.array(breaker).max(MOST_BREAKERS),
)

/** The samplers of llama.cpp, by its names. */
export const llamaCpp = group('samplers of llama.cpp', {
  repeat_last_n: [
    'integer',
    lastTokens,
    'Last tokens that repetition_penalty, presence_penalty and frequency_penalty look at; -1 is all',
  ],
  dry_multiplier: [
    'number',
    z.number().min(0).default(0),
    'Penalty on a token that goes on with a repetition (DRY): multiplier · base^(length - allowed length); 0 is none',
  ],
  dry_base: ['number', z.number().min(1).default(1.75), 'Growth of the penalty with each repeated token'],
  dry_allowed_length: ['integer', count.default(2), 'Tokens that may be repeated before the penalty begins'],
  dry_penalty_last_n: ['integer', lastTokens, 'Last tokens that are searched for repetitions; -1 is all'],
  dry_sequence_breakers: [
    'strings',
    breakers.default(['\n', ':', '"', '*']),
    'Text that no repetition goes beyond; none is no text [\\n : " *]',
  ],
  top_n_sigma: [
    'number',
    z.number().min(-1).default(-1),
    'Keep tokens within n standard deviations of the best score; 0 or less keeps all',
  ],
  xtc_probability: [
    'number',
    fraction.default(0),
    'How often the top choices are excluded (XTC); 0 is never',
  ],
  xtc_threshold: [
    'number',
    fraction.default(0.1),
    'Probability of a top choice; the least probable of them stays; above 0.5 there is none',
  ],
  mirostat: [
    'integer',
    z.literal([0, 2]).default(0),
    'Keep the surprise of the text constant: 2 is Mirostat 2.0, 0 is off',
  ],
  mirostat_tau: ['number', z.number().min(0).default(5), 'Surprise that Mirostat aims at, bits a token'],
  mirostat_eta: ['number', z.number().min(0).default(0.1), 'Learning rate of Mirostat'],
  dynatemp_range: [
    'number',
    z.number().min(0).default(0),
    'Temperature from temperature - range to temperature + range, by the entropy of what is left; 0 is fixed',
  ],
  dynatemp_exponent: [
    'number',
    z.number().min(0).default(1),
    'Exponent of the entropy in the dynamic temperature',
  ],
})
