import { DEAD } from '../../src/grammar/automaton.js'
import { allows } from '../../src/grammar/mask.js'
import { advance, TokenMasks } from '../../src/grammar/masks.js'
import { compileSchema } from '../../src/grammar/schema/index.js'
import type { GrammarTokens } from '../../src/grammar/tokens.js'
import type { SchemaFile } from './workload.js'

/** What a file of schema and instances took, and what came out; in llguidance.py too. */
export interface Outcome {
  /** The message where the schema, or a mask of it, was refused. */
  readonly refused?: string
  /** Whether the file took longer than it may. */
  readonly isTooSlow: boolean
  readonly compileMs: number
  /** Whether each instance was accepted, up to the one in which time was over. */
  readonly accepted: readonly boolean[]
  /** For each token that was looked at: mask and advance. */
  readonly maskUs: readonly number[]
}

export interface Side {
  readonly description: string
  measure(file: SchemaFile): Promise<Outcome>
  dispose(): Promise<void>
}

/** Clocks in microseconds. That of the processor does not run while others have it, and counts helping threads too. */
export const CLOCKS = {
  wall: () => 1000 * performance.now(),
  cpu: () => {
    const { user, system } = process.cpuUsage()
    return user + system
  },
} as const

/** @param limitMs of a file, by the wall */
export function ourSide(tokens: GrammarTokens, clock: () => number, limitMs: number): Side {
  const options = { order: 'any', anySpelling: true, whitespace: 'python' } as const
  const measure = ({ schema, tests }: SchemaFile): Outcome => {
    const end = performance.now() + limitMs
    const start = clock()
    let compileMs = 0
    const accepted: boolean[] = []
    const maskUs: number[] = []
    let isTooSlow = false
    try {
      const automaton = compileSchema(schema, options)
      const masks = new TokenMasks(automaton, tokens)
      compileMs = (clock() - start) / 1000
      for (const test of tests) {
        let state = automaton.start
        for (const token of test.tokens) {
          const before = clock()
          const mask = masks.maskOf(state)
          state = allows(mask, token) ? advance(automaton, tokens.vocabulary, state, token) : DEAD
          maskUs.push(clock() - before)
          isTooSlow ||= performance.now() > end
          if (state === DEAD || isTooSlow) break
        }
        if (isTooSlow) break
        accepted.push(state !== DEAD && automaton.accepts(state))
      }
    } catch (error) {
      return { refused: (error as Error).message, isTooSlow, compileMs, accepted, maskUs }
    }
    return { isTooSlow, compileMs, accepted, maskUs }
  }
  return { description: 'ours', measure: async (file) => measure(file), dispose: async () => {} }
}
