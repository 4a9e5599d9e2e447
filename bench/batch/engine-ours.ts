import { runBatch } from '../../src/batch/batch.js'
import { Input } from '../../src/batch/input.js'
import type { RowOutput } from '../../src/batch/output.js'
import { loadModel } from '../../src/language-model/load.js'
import type { BatchEngine, Setup } from './engine.js'
import type { WorkItem } from './workload.js'

export async function load({ directory, threads, dtype, batch }: Setup): Promise<BatchEngine> {
  const model = await loadModel(directory, { dtype, device: 'cpu', threads, manySequences: batch > 1 })
  return {
    vocabSize: model.model.vocabSize,
    async generate(items) {
      const errors: string[] = []
      const output: RowOutput = {
        written: new Map(),
        write({ error }) {
          if (error !== undefined) errors.push(error)
        },
        sort() {},
        close() {},
      }
      const run = { input: inputOf(items), output, seed: 0 }
      const { generatedTokens } = await runBatch(model, run, {
        layers: [{ values: { do_sample: false }, origin: 'the benchmark' }],
        promptOf: ({ id }) => items[Number(id)].prompt,
        maxBatch: batch,
        order: 'done',
      })
      if (errors.length > 0) throw new Error(errors[0])
      return generatedTokens
    },
  }
}

/** Rows whose prompts are looked up by their number; the end of sequence may not come early. */
function inputOf(items: readonly WorkItem[]): Input {
  async function* lines() {
    for (const [id, { newTokens }] of items.entries()) {
      const row = { id, prompt: '', max_new_tokens: newTokens, min_new_tokens: newTokens }
      yield Buffer.from(`${JSON.stringify(row)}\n`)
    }
  }
  return new Input(lines())
}
