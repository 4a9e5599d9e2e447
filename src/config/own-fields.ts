import * as z from 'zod'
import { count, group, oneOrMore } from './field.js'

const text = z.string().min(1)
const words = oneOrMore(text)
const MOST_SAMPLES = 1024
const expression = text.refine(isExpression, { error: 'give a regular expression' })

function isExpression(source: string): boolean {
  try {
    new RegExp(source, 'u')
    return true
  } catch {
    return false
  }
}

/** Words in place of token ids: see `withWordIds`. */
export const wordFields = group('words in place of token ids', {
  bad_words: ['strings', words.optional(), 'Words that are never generated'],
  suppress_words: ['strings', words.optional(), 'Words of one token that are never generated'],
  begin_suppress_words: ['strings', words.optional(), 'Words of one token that are not generated first'],
  force_words: [
    'strings',
    oneOrMore(z.union([text, z.array(text).min(1)])).optional(),
    'Words that have to be generated; in a file a list among them means one of its words',
  ],
  eos_token: ['strings', words.optional(), 'Tokens that end the sequence, as text; wins over eos_token_id'],
  bos_token: ['string', text.optional(), 'What an empty prompt starts with, as text; wins over bos_token_id'],
  pad_token: ['string', text.optional(), 'Fills up short sequences, as text; wins over pad_token_id'],
  forced_bos_token: ['string', text.optional(), 'The second token, as text; wins over forced_bos_token_id'],
  forced_eos_token: [
    'strings',
    words.optional(),
    'The last token at the length limit, as text; wins over forced_eos_token_id',
  ],
})

/** Several samples of which one is returned. */
export const choosing = group('one of several samples', {
  best_of: [
    'integer',
    // One sample, OpenAI's default, is no choice.
    z
      .int()
      .min(1)
      .max(MOST_SAMPLES)
      .transform((count) => (count === 1 ? undefined : count))
      .optional(),
    'Samples to draw, of which one is returned',
  ],
  select_by: [
    'string',
    z.enum(['logprob', 'majority', 'mbr']).optional(),
    'Best of best_of samples: by mean log-probability, majority of answers, or mean utility (mbr) [logprob]',
  ],
  answer_pattern: [
    'string',
    expression.optional(),
    'Expression whose first group is the answer that a majority is of [####, \\boxed{}, the last number]',
  ],
  mbr_utility: [
    'string',
    z.enum(['chrf', 'rouge_l', 'f1']).optional(),
    'Utility of a sample under another [chrf]',
  ],
})

/** How long a model thinks. */
export const thinking = group('thinking', {
  enable_thinking: [
    'boolean',
    z.boolean().optional(),
    'Whether the model thinks, where its chat template has the switch',
  ],
  thinking_budget: ['integer', count.optional(), 'Most tokens of thinking; then its end is forced'],
  thinking_waits: [
    'integer',
    count.optional(),
    'Times that thinking goes on where the model would end it (s1)',
  ],
  thinking_wait_text: ['string', text.optional(), 'What it goes on with [Wait]'],
  thinking_start: ['string', text.optional(), 'Text that thinking begins with [the model’s]'],
  thinking_end: ['string', text.optional(), 'Text that thinking ends with [the model’s]'],
})
