import { excerpt, usageError } from '../errors.js'
import type { Sources } from './layers.js'
import type { GenerationConfig, GenerationField } from './schema.js'
import { LANGUAGE_FIELDS } from './structured.js'

/** Values that ask for nothing; those of other fields are unset. */
const OFF: Partial<GenerationConfig> = {
  do_sample: false,
  num_beams: 1,
  num_return_sequences: 1,
  num_beam_groups: 1,
  diversity_penalty: 0,
  penalty_alpha: 0,
  guidance_scale: 1,
  mirostat: 0,
  json_object: false,
  pretty: false,
  format: 'json',
}
/** Characters of a value that a message shows. */
const MOST_SHOWN = 120
const LEAVE_OUT = 'leave one of them out'
const FORCED = ['force_words_ids', 'force_words'] as const
const DRAFTS = ['prompt_lookup_num_tokens', 'assistant_early_exit'] as const

/** Fields of which none of the first goes with one of the second: mixes of modes that HF rejects, or of which it lets one win without a word. */
const excluding: readonly (readonly [
  readonly GenerationField[],
  readonly GenerationField[],
  remedy: string,
])[] = [
  [['num_beam_groups'], ['do_sample'], 'groups are searched without sampling: set do_sample to false'],
  [FORCED, ['do_sample'], 'words are forced without sampling: set do_sample to false'],
  [FORCED, ['num_beam_groups'], LEAVE_OUT],
  [
    ['penalty_alpha'],
    ['do_sample'],
    'contrastive search does not sample: set do_sample to false, or leave penalty_alpha out',
  ],
  [['penalty_alpha'], ['num_beams'], `contrastive search has no beams: ${LEAVE_OUT}`],
  [['penalty_alpha'], ['guidance_scale'], `contrastive search is not guided: ${LEAVE_OUT}`],
  [['dola_layers'], ['num_beams'], `DoLa has no beams: ${LEAVE_OUT}`],
  [['dola_layers'], ['penalty_alpha'], LEAVE_OUT],
  [['dola_layers'], ['guidance_scale'], `both replace the scores: ${LEAVE_OUT}`],
  [
    ['mirostat'],
    ['num_beams'],
    `Mirostat follows one text, token by token, and beams are several: ${LEAVE_OUT}`,
  ],
  [DRAFTS, ['num_beams'], `beams are not drafted: ${LEAVE_OUT}`],
  [DRAFTS, ['penalty_alpha'], `contrastive search is not drafted: ${LEAVE_OUT}`],
  [DRAFTS, ['dola_layers'], LEAVE_OUT],
  [['best_of'], ['num_beams'], `samples are drawn without beams: ${LEAVE_OUT}`],
  [['best_of'], ['num_return_sequences'], `one sample is chosen: ${LEAVE_OUT}`],
  [['assistant_early_exit'], ['prompt_lookup_num_tokens'], `both draft: ${LEAVE_OUT}`],
  [['format'], ['pretty'], `only JSON has it: ${LEAVE_OUT}`],
  ...LANGUAGE_FIELDS.map(
    (field, i) =>
      [[field], LANGUAGE_FIELDS.slice(i + 1), `a text is held to one language: ${LEAVE_OUT}`] as const,
  ),
]

/** A field that is set, another one that it needs another value of, and what to do. */
const needing: readonly (readonly [
  GenerationField,
  GenerationField,
  isMet: (config: GenerationConfig) => boolean,
  remedy: string,
])[] = [
  [
    'num_beam_groups',
    'num_beams',
    ({ num_beams, num_beam_groups }) => num_beams % num_beam_groups === 0,
    'groups are of equal size: make num_beams a multiple of num_beam_groups',
  ],
  [
    'num_beam_groups',
    'diversity_penalty',
    ({ diversity_penalty }) => diversity_penalty !== 0,
    'all groups would be alike: set diversity_penalty above 0',
  ],
  [
    'diversity_penalty',
    'num_beam_groups',
    ({ num_beam_groups }) => num_beam_groups > 1,
    'the penalty is for what another group chose: set num_beam_groups to 2 or more',
  ],
  ...FORCED.map(
    (field) =>
      [
        field,
        'num_beams',
        ({ num_beams }: GenerationConfig) => num_beams > 1,
        'forcing words takes beams: set num_beams to 2 or more',
      ] as const,
  ),
  [
    'format',
    'schema',
    ({ schema, json_object }) => schema !== undefined || json_object,
    'a format is one of values: set schema or json_object',
  ],
  ['best_of', 'do_sample', ({ do_sample }) => do_sample, 'all samples would be alike: set do_sample to true'],
  [
    'penalty_alpha',
    'top_k',
    ({ top_k }) => top_k >= 2,
    'contrastive search compares top_k candidates: set it to 2 or more',
  ],
]

/** @throws UserError that names both fields, and the model's file where one of them is its author's */
export function checkContradictions(config: GenerationConfig, sources: Sources): void {
  const isOn = (field: GenerationField) => config[field] !== undefined && config[field] !== OFF[field]
  const refuse = (fields: readonly [GenerationField, GenerationField], remedy: string) => {
    const [first, second] = fields.map((field) => {
      const source = sources.get(field)
      const origin = source?.fromModel ? ` in ${source.origin}` : ''
      return `${field} is ${excerpt(JSON.stringify(config[field]) ?? 'undefined', MOST_SHOWN)}${origin}`
    })
    throw usageError(`${first} while ${second}, but ${remedy}.`)
  }
  for (const [field, other, isMet, remedy] of needing) {
    if (isOn(field) && !isMet(config)) refuse([field, other], remedy)
  }
  for (const [these, those, remedy] of excluding) {
    const [one, other] = [these.find(isOn), those.find(isOn)]
    if (one && other) refuse([one, other], remedy)
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
