import type { GenerationField } from './schema.js'

/** Values from one place; null and undefined are unset. */
export interface ConfigLayer {
  readonly values: Readonly<Record<string, unknown>>
  /** Where they come from, as messages name it: a file's path, `--config FILE`, `the flags`. */
  readonly origin: string
  /**
   * The values are the model author's (generation_config.json): HF's bookkeeping and the settings of its own
   * runtime are passed over, an unknown field is a notice, and no warnings are given for them.
   */
  readonly fromModel?: boolean
  /** The values are for many prompts, of which some override others: no warnings are given for what then has no effect. */
  readonly isShared?: boolean
}

/** Who set a field. */
export interface Source {
  readonly value: unknown
  readonly origin: string
  /** Whether it is the model author's. */
  readonly fromModel: boolean
  /** Whether there is a warning where it has no effect. */
  readonly isWarnedOf: boolean
}

export type Sources = ReadonlyMap<GenerationField, Source>
