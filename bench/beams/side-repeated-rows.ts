import type { DecoderSpec } from '../../src/models/spec.js'
import { selectBest } from '../../src/strategies/beam/selection.js'
import { logSoftmax } from '../../src/strategies/softmax.js'
import type { WeightStore } from '../../src/weights/index.js'
import { loadRepeatedRows, type RepeatedRows } from './repeated-rows.js'
import type { Run, Side, Task } from './side.js'

/** The in-project baseline: beams as rows of a batch. */
export async function repeatedRowsSide(
  spec: DecoderSpec,
  store: WeightStore,
  threads: number,
): Promise<Side> {
  const rows = await loadRepeatedRows(spec, store, threads)
  return {
    name: 'repeated rows',
    description: 'beams as batch rows, the cache of the prompt repeated for each',
    run: (task) => beamSearch(rows, task),
    dispose: () => rows.dispose(),
  }
}

interface Beam {
  readonly tokens: readonly number[]
  readonly sum: number
  /** Its row of the batch. */
  readonly row: number
}

/** Beam search of a fixed length: no beam ends before the others. */
async function beamSearch(
  rows: RepeatedRows,
  { prompt, beams: width, newTokens, eosTokenIds }: Task,
): Promise<Run> {
  const start = performance.now()
  const select = selectBest()
  const first = await rows.prefill(prompt, width, prompt.length + newTokens - 1)
  const prefill = performance.now() - start
  let beams: Beam[] = [{ tokens: [], sum: 0, row: 0 }]
  let scores = [first]
  for (let step = 1; ; step++) {
    for (const row of scores) {
      logSoftmax(row)
      for (const token of eosTokenIds) row[token] = -Infinity
    }
    const sums = beams.map(({ sum }) => sum)
    const chosen = select(scores, sums, width, Math.random)
    const tokens = chosen.map(({ token }) => token)
    const continued = chosen.map(({ beam }) => beams[beam])
    const histories = chosen.map(({ beam, token }) => [...beams[beam].tokens, token])
    if (step === newTokens) return result(histories[0])
    const decoded = await rows.decode(
      tokens,
      continued.map(({ row }) => row),
    )
    beams = decoded.map(({ row }, i) => ({ tokens: histories[i], sum: chosen[i].sum, row }))
    scores = decoded.map((beam) => beam.scores)
  }

  function result(tokens: readonly number[]): Run {
    const cache = { used: rows.usedBytes, allocated: rows.allocatedBytes }
    return { tokens, total: performance.now() - start, prefill, passes: newTokens, cache }
  }
}
