import { usageError } from '../errors.js'
import type { Sources } from './layers.js'
import type { GenerationConfig, GenerationField } from './schema.js'

/** Two fields that cannot be as they are at the same time. */
interface Contradiction {
  readonly fields: readonly [GenerationField, GenerationField]
  readonly holds: (config: GenerationConfig) => boolean
  /** What to do. */
  readonly remedy: string
}

const grouped = ({ num_beam_groups }: GenerationConfig) => num_beam_groups > 1
const constrained = ({ force_words_ids }: GenerationConfig) => force_words_ids !== undefined
const contrastive = ({ penalty_alpha = 0 }: GenerationConfig) => penalty_alpha > 0
const lookup = ({ prompt_lookup_num_tokens }: GenerationConfig) => prompt_lookup_num_tokens !== undefined
const exits = ({ assistant_early_exit }: GenerationConfig) => assistant_early_exit !== undefined
const dola = ({ dola_layers }: GenerationConfig) => dola_layers !== undefined

/** The mixes of modes that HF rejects, or of which it lets one win without a word. */
const contradictions: readonly Contradiction[] = [
  {
    fields: ['num_beam_groups', 'num_beams'],
    holds: (config) => grouped(config) && config.num_beams % config.num_beam_groups !== 0,
    remedy: 'groups are of equal size: make num_beams a multiple of num_beam_groups',
  },
  {
    fields: ['num_beam_groups', 'diversity_penalty'],
    holds: (config) => grouped(config) && config.diversity_penalty === 0,
    remedy: 'all groups would be alike: set diversity_penalty above 0',
  },
  {
    fields: ['diversity_penalty', 'num_beam_groups'],
    holds: (config) => !grouped(config) && config.diversity_penalty > 0,
    remedy: 'the penalty is for what another group chose: set num_beam_groups to 2 or more',
  },
  {
    fields: ['num_beam_groups', 'do_sample'],
    holds: (config) => grouped(config) && config.do_sample,
    remedy: 'groups are searched without sampling: set do_sample to false',
  },
  {
    fields: ['force_words_ids', 'num_beams'],
    holds: (config) => constrained(config) && config.num_beams === 1,
    remedy: 'forcing words takes beams: set num_beams to 2 or more',
  },
  {
    fields: ['force_words_ids', 'do_sample'],
    holds: (config) => constrained(config) && config.do_sample,
    remedy: 'words are forced without sampling: set do_sample to false',
  },
  {
    fields: ['force_words_ids', 'num_beam_groups'],
    holds: (config) => constrained(config) && grouped(config),
    remedy: 'leave one of them out',
  },
  {
    fields: ['penalty_alpha', 'do_sample'],
    holds: (config) => contrastive(config) && config.do_sample,
    remedy: 'contrastive search does not sample: set do_sample to false, or leave penalty_alpha out',
  },
  {
    fields: ['penalty_alpha', 'num_beams'],
    holds: (config) => contrastive(config) && config.num_beams > 1,
    remedy: 'contrastive search has no beams: leave one of them out',
  },
  {
    fields: ['penalty_alpha', 'top_k'],
    holds: (config) => contrastive(config) && config.top_k < 2,
    remedy: 'contrastive search compares top_k candidates: set it to 2 or more',
  },
  {
    fields: ['penalty_alpha', 'guidance_scale'],
    holds: (config) => contrastive(config) && (config.guidance_scale ?? 1) !== 1,
    remedy: 'contrastive search is not guided: leave one of them out',
  },
  {
    fields: ['dola_layers', 'num_beams'],
    holds: (config) => dola(config) && config.num_beams > 1,
    remedy: 'DoLa has no beams: leave one of them out',
  },
  {
    fields: ['dola_layers', 'penalty_alpha'],
    holds: (config) => dola(config) && contrastive(config),
    remedy: 'leave one of them out',
  },
  {
    fields: ['dola_layers', 'guidance_scale'],
    holds: (config) => dola(config) && (config.guidance_scale ?? 1) !== 1,
    remedy: 'both replace the scores: leave one of them out',
  },
  {
    fields: ['prompt_lookup_num_tokens', 'num_beams'],
    holds: (config) => lookup(config) && config.num_beams > 1,
    remedy: 'beams are not drafted: leave one of them out',
  },
  {
    fields: ['prompt_lookup_num_tokens', 'penalty_alpha'],
    holds: (config) => lookup(config) && contrastive(config),
    remedy: 'contrastive search is not drafted: leave one of them out',
  },
  {
    fields: ['assistant_early_exit', 'num_beams'],
    holds: (config) => exits(config) && config.num_beams > 1,
    remedy: 'beams are not drafted: leave one of them out',
  },
  {
    fields: ['assistant_early_exit', 'penalty_alpha'],
    holds: (config) => exits(config) && contrastive(config),
    remedy: 'contrastive search is not drafted: leave one of them out',
  },
  {
    fields: ['assistant_early_exit', 'dola_layers'],
    holds: (config) => exits(config) && dola(config),
    remedy: 'leave one of them out',
  },
  {
    fields: ['assistant_early_exit', 'prompt_lookup_num_tokens'],
    holds: (config) => exits(config) && lookup(config),
    remedy: 'both draft: leave one of them out',
  },
  {
    fields: ['prompt_lookup_num_tokens', 'dola_layers'],
    holds: (config) => lookup(config) && dola(config),
    remedy: 'leave one of them out',
  },
]

/** @throws UserError that names both fields, and the model's file where one of them is its author's */
export function checkContradictions(config: GenerationConfig, sources: Sources): void {
  for (const { fields, holds, remedy } of contradictions) {
    if (!holds(config)) continue
    const [first, second] = fields.map((field) => {
      const source = sources.get(field)
      const origin = source?.fromModel ? ` in ${source.origin}` : ''
      return `${field} is ${JSON.stringify(config[field])}${origin}`
    })
    throw usageError(`${first} while ${second}, but ${remedy}.`)
  }
  for (const word of config.force_words_ids ?? []) checkAlternatives(word)
}

/** One alternative that begins another one makes the longer one impossible (HF's DisjunctiveTrie refuses it too). */
function checkAlternatives(word: readonly number[] | readonly (readonly number[])[]): void {
  const lists = word.filter((item): item is number[] => typeof item !== 'number')
  for (const [i, short] of lists.entries()) {
    const long = lists.find((other, j) => i !== j && short.every((token, at) => other[at] === token))
    if (!long) continue
    throw usageError(
      `force_words_ids has the alternatives ${JSON.stringify(short)} and ${JSON.stringify(long)}, of which one begins the other: leave one of them out.`,
    )
  }
}
