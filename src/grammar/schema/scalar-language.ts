import type { Regex } from '../regex/regex.js'
import type { ScalarSource } from './fixed-scalars.js'

/** A language of strings or numbers by a number of its own. Its regex is made when it is first asked for: many never are. */
export interface ScalarLanguage {
  readonly id: number
  regex(): Regex
  /** How it can be made in another factory. */
  readonly source?: ScalarSource
}
