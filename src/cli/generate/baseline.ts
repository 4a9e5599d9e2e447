import { type ConfigLayer, fieldsOf, type GenerationConfig } from '../../config/index.js'
import { usageError } from '../../errors.js'
import { generate } from '../../generation/generate.js'
import type { GenerateOptions, GenerationModel, GenerationResult } from '../../generation/options.js'
import type { Prompt } from '../../generation/prompt.js'
import { THIS_COMMAND } from './strategy-settings.js'

/** Plain decoding beside decoding with drafts. */
export interface Baseline {
  /** Of plain decoding. */
  readonly tokens_per_second: number
  /** How many times as fast drafts are. */
  readonly speedup: number
  readonly same_text: boolean
}

/** The same settings without what drafts. */
function withoutDrafts({ values, ...layer }: ConfigLayer): ConfigLayer {
  const drafting: readonly string[] = fieldsOf('assisted generation')
  return {
    ...layer,
    values: Object.fromEntries(Object.entries(values).filter(([field]) => !drafting.includes(field))),
  }
}

/** @throws UserError, exit code 2, where nothing drafts that could be compared */
export function refuseWithoutDrafts(config: GenerationConfig, options: GenerateOptions): void {
  const { createDrafter, assistant, strategy } = options
  if (createDrafter || assistant || strategy || config.prompt_lookup_num_tokens !== undefined) return
  throw usageError(
    '--baseline compares drafts with plain decoding, but nothing drafts here: leave it out, or add --strategy auto.',
  )
}

/** Generates the same without drafts, with the seed of the drafted text. */
export async function measureBaseline(
  model: GenerationModel,
  prompt: Prompt,
  layers: readonly ConfigLayer[],
  drafted: GenerationResult,
  options: GenerateOptions,
): Promise<Baseline> {
  const seed = { values: { seed: drafted.config.seed }, origin: THIS_COMMAND }
  const plain = generate(model, prompt, [...layers.map(withoutDrafts), seed], options)
  return compareWith(await plain.result(), drafted)
}

function compareWith(plain: GenerationResult, drafted: GenerationResult): Baseline {
  const ids = ({ sequences }: GenerationResult) => sequences.map((sequence) => sequence.ids.join()).join('\n')
  const { tokens_per_second } = plain.statistics
  return {
    tokens_per_second,
    speedup: drafted.statistics.tokens_per_second / tokens_per_second,
    same_text: ids(plain) === ids(drafted),
  }
}

/** `Plain decoding: 491.8 tok/s; drafts are 1.37 times as fast, with the same text.` */
export function baselineLine({ tokens_per_second, speedup, same_text }: Baseline): string {
  const text = same_text ? 'the same text' : 'another text'
  return `Plain decoding: ${tokens_per_second.toFixed(1)} tok/s; drafts are ${speedup.toFixed(2)} times as fast, with ${text}.`
}
