import { expect } from 'vitest'
import { type GenerationSettings, generate, type Prompt } from '../../src/generation/generate.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import { argmax } from '../strategies/conformance.js'
import { ToyModel } from '../strategies/toy-model.js'
import { stubModel } from './stub-model.js'

export const PROMPT = [3, 1, 4]

/** What the toy model says, best token first, by the definition of greedy decoding. */
export function greedy(count: number, prompt = PROMPT): number[] {
  const toy = new ToyModel()
  const text = [...prompt]
  for (let i = 0; i < count; i++) text.push(argmax(toy.logits(text), Math.random))
  return text.slice(prompt.length)
}

export function start(settings: GenerationSettings, options: GenerateOptions = {}, prompt: Prompt = PROMPT) {
  const toy = new ToyModel()
  return { toy, generation: generate(stubModel(toy), prompt, settings, options) }
}

/** Generates on a toy model, and sees that its cache is given back. */
export async function run(
  settings: GenerationSettings,
  options: GenerateOptions = {},
  prompt: Prompt = PROMPT,
) {
  const { toy, generation } = start(settings, options, prompt)
  try {
    return await generation.result()
  } finally {
    expect(toy.caches.size).toBe(0)
  }
}

/** The text of ids. */
export const spell = (ids: readonly number[]) => ids.map((id) => `${id} `).join('')
