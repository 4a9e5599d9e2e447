import { basename, dirname, resolve } from 'node:path'
import { AutoModelForCausalLM, env, Tensor } from '@huggingface/transformers'
import type { BatchEngine, Setup } from './engine.js'
import type { WorkItem } from './workload.js'

/** Batches as its pipeline makes them: padded on the left, and run until the longest text of the batch has ended. */
export async function load({ directory, threads, batch }: Setup): Promise<BatchEngine> {
  env.allowRemoteModels = false
  env.localModelPath = dirname(resolve(directory))
  const model = await AutoModelForCausalLM.from_pretrained(basename(resolve(directory)), {
    dtype: 'fp32',
    device: 'cpu',
    session_options: { intraOpNumThreads: threads },
  })
  return {
    vocabSize: (model.config as unknown as { vocab_size: number }).vocab_size,
    async generate(items) {
      for (let start = 0; start < items.length; start += batch) {
        const group = items.slice(start, start + batch)
        await model.generate({
          ...padded(group),
          max_new_tokens: Math.max(...group.map(({ newTokens }) => newTokens)),
          do_sample: false,
          eos_token_id: null,
        } as unknown as Parameters<typeof model.generate>[0])
      }
      return items.reduce((sum, { newTokens }) => sum + newTokens, 0)
    },
  }
}

function padded(items: readonly WorkItem[]) {
  const length = Math.max(...items.map(({ prompt }) => prompt.length))
  const shape = [items.length, length]
  const ids = new BigInt64Array(items.length * length)
  const mask = new BigInt64Array(items.length * length)
  for (const [i, { prompt }] of items.entries()) {
    const start = (i + 1) * length - prompt.length
    ids.set(BigInt64Array.from(prompt, BigInt), start)
    mask.fill(1n, start, start + prompt.length)
  }
  return { inputs: new Tensor('int64', ids, shape), attention_mask: new Tensor('int64', mask, shape) }
}
