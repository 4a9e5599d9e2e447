import { describe, expect, test } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { Sequence } from '../../src/generation/sequence.js'
import { prefixOf, tokensOf } from '../../src/model/prefix.js'
import type { Choice, StoppingCriterion } from '../../src/strategies/strategy.js'
import { stubTokenizer } from './stub-model.js'

const PROMPT = [3, 1, 4]

function sequence(stop: StoppingCriterion, values: Record<string, unknown> = {}) {
  const { config } = resolveGenerationConfig({ values, origin: 'the test' })
  return new Sequence({
    config,
    tokenizer: stubTokenizer(13),
    prompt: prefixOf(PROMPT),
    context: PROMPT,
    stop,
    logprobs: 1,
  })
}

/** A step that decoded several tokens, as drafts make it; the arrays are one, which the next step overwrites. */
const shared = new Float32Array(13)
function step(...tokens: number[]) {
  const choices = tokens.map((token): Choice => {
    return { token, logits: shared, scores: shared, hidden: shared }
  })
  return { choices, drafted: tokens.length, accepted: tokens.length - 1 }
}

describe('a step of several tokens', () => {
  test('is taken whole, and the criterion sees each of its prefixes', () => {
    const seen: string[] = []
    const text = sequence((prefix) => void seen.push(tokensOf(prefix).join()))
    expect(text.push(step(1, 5, 9))).toEqual({ text: '1 5 9 ', ids: [1, 5, 9], drafted: 4 })
    expect(text.push(step(2))).toEqual({ text: '2 ', ids: [2], drafted: 0 })
    expect(seen).toEqual(['3,1,4,1', '3,1,4,1,5', '3,1,4,1,5,9', '3,1,4,1,5,9,2'])
    expect(text.finished).toBe(false)
  })

  test('ends with the token that ends the sequence: nothing after it counts', () => {
    const text = sequence(({ token }) => (token === 5 ? 'eos' : undefined), {
      return_dict_in_generate: true,
      output_scores: true,
    })
    expect(text.push(step(1, 5, 9, 5))).toEqual({ text: '1 5 ', ids: [1, 5], drafted: 4 })
    expect(text.finished).toBe(true)
    const result = text.result()
    expect(result).toMatchObject({ ids: [1, 5], text: '1 5 ', finish_reason: 'eos' })
    expect([result.scores, result.logprobs, result.transition_scores].map((all) => all?.length)).toEqual([
      2, 2, 2,
    ])
  })

  test('is copied where its arrays are asked for', () => {
    const fields = { output_scores: true, output_logits: true, output_hidden_states: true }
    const text = sequence(() => undefined, { return_dict_in_generate: true, ...fields })
    text.push(step(1))
    shared.fill(7)
    text.push(step(2))
    shared.fill(0)
    const { scores, logits, hidden_states } = text.result()
    for (const rows of [scores, logits, hidden_states]) expect(rows!.map((row) => row[0])).toEqual([0, 7])
  })
})
