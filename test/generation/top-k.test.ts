import { describe, expect, test } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import type { ForwardOptions, KVCache, Output } from '../../src/model/model.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import { follow } from '../../src/strategies/verifiers.js'
import { argmax } from '../strategies/conformance.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'

/** Gives no score that it need not give. */
class TersestModel extends ToyModel {
  readonly asked: (number | undefined)[] = []

  override async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes?: readonly number[],
    { topK }: ForwardOptions = {},
  ): Promise<Output> {
    const output = await super.forward(cache, tokens, parents, nodes)
    this.asked.push(topK)
    if (topK === undefined) return output
    return { ...output, logits: (node) => best(output.logits(node), topK) }
  }
}

function best(scores: Float32Array, count: number): Float32Array {
  const threshold = scores.toSorted().at(-count)!
  return scores.map((score) => (score >= threshold ? score : -Infinity))
}

const PROMPT = [3, 1, 4, 1, 5]

async function run(toy: ToyModel, settings: object, options: GenerateOptions = {}) {
  const config = { max_new_tokens: 24, seed: 7, ...settings }
  const { sequences } = await generate(stubModel(toy), PROMPT, config, options).result()
  return sequences
}

type Case = [settings: object, options?: GenerateOptions]

const shortened: [topK: number, ...Case][] = [
  [1, {}],
  [1, { prompt_lookup_num_tokens: 3, max_matching_ngram_size: 1 }],
  [1, {}, { assistant: { path: 'toy', ...stubModel(new ToyModel()) } }],
  [4, { do_sample: true, top_k: 4 }],
  [4, { do_sample: true, top_k: 4, temperature: 2, num_return_sequences: 3 }],
  [5, { do_sample: true, top_k: 5, top_p: 0.8, min_p: 0.02 }],
  [5, { do_sample: true, top_k: 5, typical_p: 0.7 }],
  [6, { do_sample: true, top_k: 6, epsilon_cutoff: 0.1, eta_cutoff: 0.1, renormalize_logits: true }],
  [4, { do_sample: true, top_k: 4, dynatemp_range: 0.5 }],
  [3, { do_sample: true, top_k: 3, prompt_lookup_num_tokens: 3, max_matching_ngram_size: 1 }],
  [3, { do_sample: true, top_k: 3 }, { assistant: { path: 'toy', ...stubModel(new ToyModel()) } }],
]

const whole: Case[] = [
  [{ regex: '(?:\\d+ )*' }],
  [{ repetition_penalty: 1.5 }],
  [{ no_repeat_ngram_size: 2 }],
  [{ sequence_bias: [[[2], 4]] }],
  [{ suppress_tokens: [0, 1, 2, 3, 4, 5, 6] }],
  [{ min_new_tokens: 9, eos_token_id: 2 }],
  [{ forced_eos_token_id: 2 }],
  [{ remove_invalid_values: true }],
  [{ guidance_scale: 2 }],
  [{ num_beams: 3 }],
  [{ penalty_alpha: 0.6, top_k: 3 }],
  [{ return_dict_in_generate: true, output_scores: true }],
  [{ return_dict_in_generate: true, output_logits: true }],
  [{}, { logprobs: 2 }],
  [{}, { processors: [(logits) => logits.reverse()] }],
  [{}, { prefixAllowedTokensFn: () => [1, 2, 3] }],
  [
    {},
    {
      strategy: draftVerify(
        undefined,
        follow((scores) => argmax(scores.toReversed(), Math.random)),
      ),
    },
  ],
  [{ do_sample: true, top_k: 0 }],
  [{ do_sample: true, top_k: 4, top_h: 0.4 }],
  [{ do_sample: true, top_k: 4, repetition_penalty: 1.5 }],
  [{ do_sample: true, top_k: 4, top_n_sigma: 1 }],
  [{ do_sample: true, mirostat: 2 }],
  [{ presence_penalty: 1 }],
  [{ dry_multiplier: 1, dry_sequence_breakers: [] }],
  [{ logit_bias: { 2: 4 } }],
  [{ allowed_token_ids: [1, 2, 5] }],
  [{ watermarking_config: {} }],
]

describe('the scores of a pass', () => {
  test.each(shortened)('are the %i best where no others count: %o', async (topK, settings, options) => {
    const terse = new TersestModel()
    expect(await run(terse, settings, options)).toEqual(await run(new ToyModel(), settings, options))
    expect(terse.asked).toContain(topK)
    // The prompt's pass of several sequences asks for nothing.
    expect(new Set(terse.asked.slice(1))).toEqual(new Set([topK]))
  })

  test.each(whole)('are all where others count: %o %o', async (settings, options) => {
    const terse = new TersestModel()
    expect(await run(terse, settings, options)).toEqual(await run(new ToyModel(), settings, options))
    expect(new Set(terse.asked)).toEqual(new Set([undefined]))
  })
})
