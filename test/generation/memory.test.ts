import { describe, expect, test } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { UserError } from '../../src/errors.js'
import { generate } from '../../src/generation/generate.js'
import { type MemoryRequest, memoryNeeded, requireMemory } from '../../src/generation/memory.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'

/** 1,000 bytes a token. */
const spec = { layers: Array(5).fill('full'), kvHeads: 5, headDim: 5 } as unknown as DecoderSpec
const request: MemoryRequest = { promptLength: 100, maxLength: 1100, vocabSize: 1000, spec }

function configOf(values: Record<string, unknown>) {
  return resolveGenerationConfig({ values: { max_new_tokens: 1000, ...values }, origin: 'the test' }).config
}

const needed = (values: Record<string, unknown>) => memoryNeeded(configOf(values), request)

describe('the memory that a request needs', () => {
  test('is in proportion to beams, sequences and kept scores', () => {
    const one = needed({})
    // A sequence alone may end long before it is as long as it may be.
    expect(one).toBeLessThan(200_000)
    expect(needed({ num_beams: 200 })).toBeCloseTo(2 * needed({ num_beams: 100 }), -6)
    expect(needed({ num_return_sequences: 100, do_sample: true })).toBeGreaterThan(100 * 1000 * 1000)
    const scores = { return_dict_in_generate: true, output_scores: true }
    expect(needed(scores) - one).toBe(1000 * 1000 * 4)
    expect(needed({ guidance_scale: 1.5 })).toBeGreaterThan(1.5 * one)
  })

  test.each([
    [{ num_beams: 500 }, 'lower num_beams (500), the prompt'],
    [
      { num_beams: 500, num_return_sequences: 400 },
      'lower num_beams (500), num_return_sequences (400), the prompt (100 tokens) or max_new_tokens (1000).',
    ],
    [{ num_return_sequences: 50, do_sample: true }, 'lower num_return_sequences (50), '],
    [
      { return_dict_in_generate: true, output_scores: true, output_logits: true },
      'lower output_scores and output_logits, ',
    ],
  ])('is refused by name where it is not there: %j', (values, says) => {
    const refusal = () => requireMemory(configOf(values), request, 5e6)
    expect(refusal).toThrow(UserError)
    expect(refusal).toThrow(says)
    expect(() => requireMemory(configOf(values), request, 1e12)).not.toThrow()
  })

  test.each([{ num_return_sequences: 1e12, do_sample: true }])(
    'is looked at before anything is made: %j',
    async (values) => {
      const toy = new ToyModel()
      await expect(generate(stubModel(toy), [1, 2], values).result()).rejects.toThrow(
        /^The request needs about [\d,.]+ GB of memory, but /,
      )
      expect([toy.forwards, toy.caches.size]).toEqual([0, 0])
    },
  )
})

test('a pass that ends with the signal ends the text that there is', async () => {
  const abort = new AbortController()
  class LongPasses extends ToyModel {
    override async forward(...args: Parameters<ToyModel['forward']>) {
      if (this.forwards === 2) abort.abort(new UserError('Interrupted.'))
      args[4]?.signal?.throwIfAborted()
      return super.forward(...args)
    }
  }
  for (const settings of [{}, { do_sample: true, num_return_sequences: 3 }, { num_beams: 3 }]) {
    const toy = new LongPasses()
    const { finish_reason, sequences } = await generate(stubModel(toy), [1, 2], settings, {
      signal: abort.signal,
    }).result()
    expect(finish_reason).toBe('interrupted')
    expect(sequences.length).toBeGreaterThan(0)
    expect(toy.caches.size).toBe(0)
  }
})
