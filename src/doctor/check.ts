/** `note` is worth knowing; a `problem` keeps `llm generate` from working. */
export type State = 'ok' | 'note' | 'problem'

/** What one look at the surroundings has found. */
export interface Check {
  readonly name: string
  readonly state: State
  /** For a reader. */
  readonly found: string
  /** What to do, as a sentence, where something should be done. */
  readonly advice?: string
  /** The same for programs: sizes in bytes, times in seconds. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>
}

/** What `llm doctor --json` prints. */
export interface DoctorJson {
  /** The gravest of the checks. */
  readonly state: State
  readonly checks: readonly Check[]
}

export function gravest(checks: readonly Check[]): State {
  const states = checks.map(({ state }) => state)
  return states.includes('problem') ? 'problem' : states.includes('note') ? 'note' : 'ok'
}
