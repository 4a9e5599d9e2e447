import type { Beam, Search, SearchRequest } from '../strategies/search.js'
import type { Step } from '../strategies/strategy.js'
import type { GenerationChunk } from './options.js'
import type { Sequence, TokenRecord } from './sequence.js'
import type { Stopwatch } from './statistics.js'

/** Turns of all live sequences, so that their forward passes run as one and in an order that never varies. */
export async function* decode(
  sequences: readonly Sequence[],
  strategies: readonly AsyncGenerator<Step, void, void>[],
  stopwatch: Stopwatch,
  signal: AbortSignal | undefined,
): AsyncGenerator<GenerationChunk, void, void> {
  let live = [...sequences.keys()]
  try {
    while (live.length > 0) {
      if (signal?.aborted) {
        yield* interrupted(sequences)
        return
      }
      const steps = await Promise.all(live.map((i) => strategies[i].next()))
      const chunks = live.map((sequence, i) => {
        const { value } = steps[i]
        if (!value) throw new RangeError('A strategy ended before its sequence did.')
        return { sequence, ...sequences[sequence].push(value), value }
      })
      stopwatch.record(chunks.map(({ ids, value }) => ({ ...value, tokens: ids.length })))
      for (const { value, ...chunk } of chunks) yield chunk
      live = live.filter((i) => !sequences[i].finished)
    }
  } finally {
    await Promise.all(strategies.map((strategy) => strategy.return()))
  }
}

/** Ends the sequences that have not ended yet. */
export function* interrupted(sequences: readonly Sequence[]): Generator<GenerationChunk, void, void> {
  for (const [i, sequence] of sequences.entries()) {
    if (!sequence.finished) yield { sequence: i, text: sequence.end('interrupted'), ids: [], drafted: 0 }
  }
}

/**
 * Runs a search; tokens that all results share come at once for all of `sequences`, the rest at the end. Of sequences
 * that were not found, none is finished.
 */
export async function* decodeSearch(
  search: Search,
  request: SearchRequest<TokenRecord>,
  sequences: readonly Sequence[],
  stopwatch: Stopwatch,
  onBeams: ((beams: readonly Beam[]) => void) | undefined,
): AsyncGenerator<GenerationChunk, void, void> {
  const steps = search.search(request)
  let step = await steps.next()
  for (; !step.done; step = await steps.next()) {
    const { settled, beams } = step.value
    stopwatch.record(sequences.map(() => ({ tokens: settled.length, drafted: 0, accepted: 0 })))
    const ids = settled.map(({ token }) => token)
    for (const [i, sequence] of sequences.entries()) {
      const text = settled.map((record) => sequence.enter(record)).join('')
      yield { sequence: i, text, ids, drafted: 0 }
    }
    onBeams?.(beams)
  }
  for (const [i, found] of step.value.entries()) {
    const rest = sequences[i].complete(found)
    stopwatch.count(rest.ids.length)
    yield { sequence: i, ...rest, drafted: 0 }
  }
}
