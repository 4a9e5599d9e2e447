import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import type { GenerateOptions, GenerationResult } from '../../src/generation/options.js'
import { BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import { mergingModel } from '../../src/model/branches.js'
import type { Branch, NativeBatchModel } from '../../src/model/model.js'
import { createRandom } from '../../src/random.js'
import { tokenRecycling } from '../../src/strategies/drafters/token-recycling.js'
import { largestDifference } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { type ExportOptions, writeExport } from './exports.js'

const ROOT = temporaryDirectory()
const PROMPT = 'Once upon a time there was a cat. Once upon a time'
/** What transformers and our graphs agree to in float32. */
const CLOSE = 1e-4

const loaded: LanguageModel[] = []
async function load(source: string): Promise<LanguageModel> {
  const model = await loadModel(source, { device: 'cpu', dtype: source.startsWith(ROOT) ? 'auto' : 'fp32' })
  loaded.push(model)
  return model
}
const exported = async (name: string, options: ExportOptions = {}, source = BUILT_IN_DIRECTORY) =>
  load(await writeExport(source, join(ROOT, name), options))

let own: LanguageModel
let model: LanguageModel
let draft: LanguageModel
beforeAll(async () => {
  own = await load(BUILT_IN_DIRECTORY)
  model = await exported('plain', { keepsLogits: true })
  draft = await exported('draft', {}, join(BUILT_IN_DIRECTORY, 'draft'))
})
afterAll(async () => {
  await Promise.all(loaded.map((each) => each.dispose()))
})

const run = (subject: LanguageModel, settings: object, options: GenerateOptions = {}, prompt = PROMPT) =>
  generate(subject, prompt, { max_new_tokens: 40, do_sample: false, ...settings }, options).result()
const textsOf = ({ sequences }: GenerationResult) => sequences.map(({ text }) => text)
const chainOf = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i - 1)

describe('every strategy writes the text of our own graph', () => {
  test.each<[string, object, (() => GenerateOptions)?]>([
    ['greedy decoding', {}],
    ['sampling', { do_sample: true, seed: 3, temperature: 0.9, top_p: 0.95 }],
    ['several sequences', { do_sample: true, seed: 4, num_return_sequences: 5 }],
    ['XTC', { do_sample: true, seed: 5, xtc_probability: 0.5, xtc_threshold: 0.05 }],
    ['penalties', { repetition_penalty: 1.3, no_repeat_ngram_size: 3 }],
    ['beam search', { num_beams: 4, num_return_sequences: 4 }],
    ['more beams than run at once', { num_beams: 12, num_return_sequences: 2, max_new_tokens: 12 }],
    ['beam sampling', { num_beams: 3, do_sample: true, seed: 6 }],
    ['groups of beams', { num_beams: 4, num_beam_groups: 2, diversity_penalty: 0.7 }],
    ['guidance', { guidance_scale: 1.5 }],
    ['guidance away from a prompt', { guidance_scale: 1.4 }, () => ({ negativePrompt: 'A dog' })],
    ['prompt lookup', { prompt_lookup_num_tokens: 6 }],
    ['a draft model of its kind', {}, () => ({ assistant: draft })],
    ['speculative sampling', { do_sample: true, seed: 7 }, () => ({ assistant: draft })],
    ['a tree of a draft model', {}, () => ({ assistant: { ...draft, treeNodes: 9 } })],
    ['token recycling', {}, () => ({ createDrafter: tokenRecycling({ size: 24, depth: 6 }) })],
    ['log-probabilities', { return_dict_in_generate: true, output_scores: true }, () => ({ logprobs: 2 })],
  ])('%s', async (name, settings, options = () => ({})) => {
    const [wanted, found] = [await run(own, settings, options()), await run(model, settings, options())]
    expect(textsOf(found)).toEqual(textsOf(wanted))
    expect(wanted.text.length, name).toBeGreaterThan(10)
    for (const [i, { logprob }] of (wanted.logprobs ?? []).entries()) {
      expect(found.logprobs![i].logprob).toBeCloseTo(logprob, 3)
    }
  })

  test('as a draft for our own graph, and drafts are accepted', async () => {
    const result = await run(own, {}, { assistant: draft })
    expect(result.text).toBe((await run(own, {})).text)
    expect(result.statistics.accepted_tokens).toBeGreaterThan(0)
  })

  test('of other prompts, whatever the length, and not of other weights', async () => {
    const long = `${'The cat and the dog went to the park. '.repeat(18)}Then`
    expect((await run(model, {}, {}, long)).text).toBe((await run(own, {}, {}, long)).text)
    expect((await run(draft, {}, {}, long)).text).not.toBe((await run(own, {}, {}, long)).text)
  })
})

describe('a cache', () => {
  const random = createRandom(8)
  const ids = Array.from({ length: 300 }, () => Math.floor(random() * 4096))

  test.each([
    ['plain', {}],
    ['with as many scores as are asked for', { keepsLogits: true }],
    ['with weights beside the graph', { isExternal: true }],
    ['with GroupQueryAttention, as onnxruntime-genai builds it', { isGrouped: true }],
  ])('holds a tree: %s', async (name, options) => {
    const subject = await exported(`tree-${name.length}`, options)
    const caches = [own, subject].map(({ model }) => model.newCache())
    const steps: [number[], number[], number[]?][] = [
      [ids.slice(0, 140), chainOf(140), [139]],
      [
        [7, 8, 9, 10, 11, 12],
        [139, 140, 140, 142, 139, -1],
      ],
      [
        [20, 21, 22],
        [143, 142, 145],
      ],
    ]
    for (const [tokens, parents, nodes] of steps) {
      const [wanted, found] = await Promise.all(
        [own, subject].map(({ model }, i) => model.forward(caches[i], tokens, parents, nodes)),
      )
      for (const node of nodes ?? tokens.keys()) {
        expect(largestDifference(found.logits(node), wanted.logits(node))).toBeLessThan(CLOSE)
      }
      expect(caches[1].length).toBe(caches[0].length)
    }
    // A path through what was cut, and what goes on from it.
    const kept = [...chainOf(60, 1), ...chainOf(80, 61), 140, 142, 143]
    for (const cache of caches) cache.keep(kept)
    const [wanted, found] = await Promise.all(
      [own, subject].map(({ model }, i) => model.forward(caches[i], [30, 31], [142, 70])),
    )
    for (const node of [0, 1]) {
      expect(largestDifference(found.logits(node), wanted.logits(node))).toBeLessThan(CLOSE)
    }
  })

  test('is as it was where a pass cannot be run, and refuses what is none of it', async () => {
    const cache = model.model.newCache()
    await model.model.forward(cache, [5, 6, 7], chainOf(3))
    await expect(model.model.forward(cache, [8, 4096], [2, 3])).rejects.toThrow('vocabulary of 4096')
    await expect(model.model.forward(cache, [8], [5])).rejects.toThrow('no earlier slot')
    const stop = AbortSignal.abort(new Error('stopped'))
    await expect(model.model.forward(cache, [8], [2], [0], { signal: stop })).rejects.toThrow('stopped')
    expect(() => cache.keep([0, 2])).toThrow('drops slot 1')
    expect(() => cache.keep([1, 0])).toThrow('ascending')
    await expect(model.model.forward(own.model.newCache(), [8], [-1])).rejects.toThrow('another kind')
    expect(cache.length).toBe(3)
    const after = await model.model.forward(cache, [8], [2])
    const whole = await own.model.forward(own.model.newCache(), [5, 6, 7, 8], chainOf(4))
    expect(largestDifference(after.logits(0), whole.logits(3))).toBeLessThan(CLOSE)
  })

  test('forks without a copy, and runs of several are those of each', async () => {
    const batch = model.model as NativeBatchModel
    const root = batch.newCache()
    await batch.forward(root, ids.slice(0, 9), chainOf(9))
    const caches: Branch[] = [root, root.fork(), root.fork(), batch.newCache()]
    const lengths = [9, 9, 9, 0]
    // Rows of one length, of which one is longer, and one of another length.
    const tokens = [[11], [12], [13, 14, 15, 16], ids.slice(0, 200)]
    const texts = tokens.map((more, i) => [...ids.slice(0, lengths[i]), ...more])
    for (let turn = 0; turn < 2; turn++) {
      const passes = caches.map((cache, i) => ({
        cache,
        tokens: turn === 0 ? tokens[i] : [17 + i],
        parents: turn === 0 ? chainOf(tokens[i].length, lengths[i]) : [cache.length - 1],
        nodes: [turn === 0 ? tokens[i].length - 1 : 0],
      }))
      const outputs = await batch.forwardAll(passes)
      for (const [i, { tokens: added, nodes }] of passes.entries()) {
        if (turn > 0) texts[i].push(...added)
        const text = texts[i]
        const alone = await own.model.forward(own.model.newCache(), text, chainOf(text.length), [
          text.length - 1,
        ])
        expect(largestDifference(outputs[i].logits(nodes[0]), alone.logits(text.length - 1))).toBeLessThan(
          CLOSE,
        )
      }
    }
  })
})

describe('half precision', () => {
  test('keeps its cache and gives its scores as float16', async () => {
    const half = await exported('half', { type: 'float16' })
    const caches = [own, half].map(({ model }) => model.newCache())
    for (const [tokens, parents] of [
      [[5, 6, 7, 8], chainOf(4)],
      [
        [9, 10],
        [2, 3],
      ],
    ]) {
      const [wanted, found] = await Promise.all(
        [own, half].map(({ model }, i) => model.forward(caches[i], tokens, parents)),
      )
      for (const node of tokens.keys()) {
        const difference = largestDifference(found.logits(node), wanted.logits(node))
        expect(difference).toBeLessThan(0.1)
        expect(difference).toBeGreaterThan(0)
      }
    }
  })
})

describe('an export that gives hidden states', () => {
  test('serves contrastive search, and gives those of results', async () => {
    const subject = await exported('states', { givesStates: true })
    const settings = { penalty_alpha: 0.6, top_k: 4 }
    expect((await run(subject, settings)).text).toBe((await run(own, settings)).text)
    const states = { return_dict_in_generate: true, output_hidden_states: true, max_new_tokens: 3 }
    const [wanted, found] = [await run(own, states), await run(subject, states)]
    for (const [i, state] of wanted.hidden_states!.entries()) {
      expect(largestDifference(found.hidden_states![i], state)).toBeLessThan(CLOSE)
    }
  })
})

describe('a recurrent state', () => {
  let recurrent: LanguageModel
  beforeAll(async () => {
    recurrent = await exported('recurrent', { isRecurrent: true })
  })

  /** Scores after a text that is run from its beginning. */
  const scoresOf = async (text: readonly number[]) => {
    const { model } = recurrent
    const output = await model.forward(model.newCache(), text, chainOf(text.length), [text.length - 1])
    return output.logits(text.length - 1).slice()
  }

  test('is carried on: each token as from the beginning', async () => {
    const { model } = recurrent
    const cache = model.newCache()
    const text: number[] = []
    for (const tokens of [[5, 6, 7], [8], [9, 10], [11]]) {
      const output = await model.forward(cache, tokens, chainOf(tokens.length, text.length))
      text.push(...tokens)
      expect(largestDifference(output.logits(tokens.length - 1), await scoresOf(text))).toBeLessThan(CLOSE)
    }
    // The state counts: without it the last token would be another.
    expect(largestDifference(await scoresOf([11, 11]), await scoresOf([10, 11]))).toBeGreaterThan(0.01)
  })

  test('is computed again where tokens are taken back', async () => {
    const { model } = recurrent
    const cache = model.newCache()
    await model.forward(cache, [5, 6, 7, 8, 9], chainOf(5))
    cache.keep([0, 1, 2])
    const output = await model.forward(cache, [12], [2])
    expect(largestDifference(output.logits(0), await scoresOf([5, 6, 7, 12]))).toBeLessThan(CLOSE)
    const next = await model.forward(cache, [13], [3])
    expect(largestDifference(next.logits(0), await scoresOf([5, 6, 7, 12, 13]))).toBeLessThan(CLOSE)
  })

  test('is each of several sequences, of other lengths too', async () => {
    const merging = mergingModel(recurrent.model)
    const texts = [[5, 6, 7], [8], [9, 10, 11, 12, 13]]
    const caches = texts.map(() => merging.newCache())
    for (let turn = 0; turn < 2; turn++) {
      const outputs = await Promise.all(
        texts.map((text, i) => {
          const tokens = turn === 0 ? text : [20 + i]
          if (turn > 0) text.push(20 + i)
          return merging.forward(caches[i], tokens, chainOf(tokens.length, caches[i].length))
        }),
      )
      for (const [i, text] of texts.entries()) {
        const last = turn === 0 ? text.length - 1 : 0
        expect(largestDifference(outputs[i].logits(last), await scoresOf(text))).toBeLessThan(CLOSE)
      }
    }
    merging.dispose()
  })

  test('samples the same texts alone and together, and allows no drafts and beams', async () => {
    const settings = { do_sample: true, seed: 9, max_new_tokens: 12 }
    const several = await run(recurrent, { ...settings, num_return_sequences: 3 })
    expect(several.text).toBe((await run(recurrent, settings)).text)
    expect(new Set(textsOf(several)).size).toBe(3)
    const why = /keeps a state that no token can be taken out of/
    await expect(run(recurrent, { num_beams: 2 })).rejects.toThrow(/beam_search needs a cache/)
    await expect(run(recurrent, { prompt_lookup_num_tokens: 3 })).rejects.toThrow(why)
    await expect(run(recurrent, {}, { assistant: draft })).rejects.toThrow(why)
    await expect(run(own, {}, { assistant: recurrent })).rejects.toThrow(why)
    const createDrafter = tokenRecycling({ size: 8, depth: 3 })
    await expect(run(recurrent, {}, { createDrafter })).rejects.toThrow(/A draft needs/)
  })
})
