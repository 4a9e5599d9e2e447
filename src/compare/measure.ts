import { isHeld, LANGUAGE_FIELDS } from '../config/structured.js'
import type { Generation } from '../generation/generate.js'
import type { Statistics } from '../generation/statistics.js'
import { peakMemory, resetPeakMemory } from './peak-memory.js'

/** What one run gave, and what it took. */
export interface MeasuredRun {
  readonly text: string
  readonly ids: readonly number[]
  readonly finish_reason: string
  readonly statistics: Statistics
  /** The setting that names the language of the text, and whether it is of it and complete; undefined where it is free. */
  readonly language?: { readonly field: string; readonly value: unknown; readonly isValid: boolean }
  /** Seconds that each token took: what came at once shares the time since what came before. */
  readonly tokenTimes: readonly number[]
  /** Bytes; null where the system does not tell. */
  readonly peakMemory: number | null
}

/** Runs a generation, whose time begins with the call. */
export async function measure(start: () => Generation): Promise<MeasuredRun> {
  resetPeakMemory()
  const tokenTimes: number[] = []
  let before = performance.now()
  const generation = start()
  for await (const { ids } of generation) {
    if (ids.length === 0) continue
    const now = performance.now()
    for (const _ of ids) tokenTimes.push((now - before) / 1000 / ids.length)
    before = now
  }
  const memory = peakMemory()
  const result = await generation.result()
  const { text, ids, finish_reason, statistics, config } = result
  const field = LANGUAGE_FIELDS.find((name) => isHeld({ [name]: config[name] }))
  const language = field && { field, value: config[field], isValid: 'value' in result }
  return { text, ids, finish_reason, statistics, language, tokenTimes, peakMemory: memory }
}
