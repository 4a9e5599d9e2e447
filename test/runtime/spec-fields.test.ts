import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { openModel } from '../../src/language-model/open.js'
import type { Model } from '../../src/model/model.js'
import { FAMILIES, specFromConfig } from '../../src/models/families/index.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { fixturePath, largestDifference } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'
import { LAYOUTS, loadLayout } from './layouts.js'
import { trainedLogits } from './training-graph.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const TOLERANCE = 1e-4
/** Longer than the fixtures' windows and lengths. */
const TEXT = Array.from({ length: 30 }, (_, i) => 3 + ((11 * i) % 120))

const configOf = (name: string) => JSON.parse(readFileSync(join(fixturePath(name), 'config.json'), 'utf8'))
const specOf = (name: string) => specFromConfig(configOf(name), name)

type Change = (spec: DecoderSpec) => Partial<DecoderSpec>

/** Changes of each field that a result depends on, of fixtures whose weights fit both. */
const CHANGES: Readonly<Record<string, readonly (readonly [fixture: string, change: Change])[]>> = {
  normEpsilon: [['olmo2', () => ({ normEpsilon: 0.1 })]],
  layers: [
    ['ministral', () => ({ layers: ['full', 'full', 'sliding', 'full'] })],
    ['smollm3', () => ({ layers: ['full', 'full', 'full', 'full'] })],
    ['exaone4', () => ({ layers: ['sliding', 'sliding', 'full_nope', 'sliding_nope'] })],
    ['exaone4-full', () => ({ layers: ['full', 'full', 'full', 'full_nope'] })],
    ['lfm2', () => ({ layers: ['conv', 'full', 'conv', 'full_nope', 'conv'] })],
  ],
  slidingWindow: [['mistral', () => ({ slidingWindow: 7 })]],
  rope: [
    ['olmo3', ({ rope }) => ({ rope: { ...rope, full: rope.sliding } })],
    ['olmo3', ({ rope }) => ({ rope: { ...rope, sliding: rope.full } })],
    // A dimension that is not rotated.
    ['llama-yarn', ({ rope }) => ({ rope: { ...rope, full: [...rope.full.slice(0, 2), 0, 0] } })],
  ],
  ropeFactor: [
    ['olmo3', () => ({ ropeFactor: undefined })],
    ['olmo3', ({ ropeFactor }) => ({ ropeFactor: { ...ropeFactor!, sliding: 1.2 } })],
  ],
  attentionScale: [
    ['granite', () => ({ attentionScale: 0.3 })],
    ['exaone4', () => ({ attentionScale: 0.3 })],
  ],
  queryScale: [
    ['mistral', () => ({ queryScale: { beta: 0.4, length: 6 } })],
    ['ministral3', () => ({ queryScale: undefined })],
    ['gpt2', () => ({ queryScale: { beta: 0.4, length: 6 } })],
  ],
  attentionSoftcap: [
    ['gemma2', () => ({ attentionSoftcap: undefined })],
    ['llama-yarn', () => ({ attentionSoftcap: 1.5 })],
  ],
  activation: [
    ['llama-yarn', () => ({ activation: 'gelu_tanh' })],
    ['llama-yarn', () => ({ activation: 'gelu' })],
    ['llama-yarn', () => ({ activation: 'relu2' })],
    ['starcoder2', () => ({ activation: 'silu' })],
    ['mixtral', () => ({ activation: 'gelu' })],
    ['gpt_neox', () => ({ activation: 'relu2' })],
  ],
  layerNorm: [
    ['gpt2', () => ({ layerNorm: { bias: false } })],
    ['cohere', () => ({ layerNorm: undefined })],
    ['granite', () => ({ layerNorm: { bias: false } })],
  ],
  mlp: [
    ['llama-yarn', () => ({ mlp: 'plain' })],
    ['granite', () => ({ mlp: 'plain' })],
  ],
  parallel: [
    ['gpt_neox', () => ({ parallel: undefined })],
    ['gpt_neox-sequential', () => ({ parallel: 'two norms' })],
    ['granite', () => ({ parallel: 'one norm' })],
    ['gemma3', () => ({ norms: 'pre', parallel: 'two norms' })],
  ],
  learnedPositions: [['gpt2', () => ({ learnedPositions: undefined })]],
  embeddingScale: [['granite', () => ({ embeddingScale: 1 })]],
  tiedHead: [['olmo2', () => ({ tiedHead: true })]],
  qkNorm: [
    ['olmo2', () => ({ qkNorm: false })],
    ['qwen3-dynamic', () => ({ qkNorm: 'rotated' })],
    ['hunyuan_v1_dense', () => ({ qkNorm: true })],
    ['exaone4', () => ({ qkNorm: 'rotated' })],
  ],
  norms: [
    ['gemma2', () => ({ norms: 'post' })],
    ['gemma2', () => ({ norms: 'pre' })],
  ],
  normOffset: [
    ['gemma2', () => ({ normOffset: 0 })],
    ['olmo2', () => ({ normOffset: 1 })],
  ],
  residualMultiplier: [
    ['granite', () => ({ residualMultiplier: 1 })],
    ['olmo2', () => ({ residualMultiplier: 0.5 })],
  ],
  logitDivisor: [
    ['granite', () => ({ logitDivisor: undefined })],
    ['gemma2', () => ({ logitDivisor: 2 })],
  ],
  logitSoftcap: [
    ['gemma2', () => ({ logitSoftcap: undefined })],
    ['granite', () => ({ logitSoftcap: 2 })],
  ],
  experts: [
    ['qwen3_moe', ({ experts }) => ({ experts: { ...experts!, perToken: 1 } })],
    ['qwen2_moe', ({ experts }) => ({ experts: { ...experts!, normalised: true } })],
    ['qwen2_moe', ({ experts }) => ({ experts: { ...experts!, shared: undefined } })],
    ['olmoe', ({ experts }) => ({ experts: { ...experts!, normalised: true } })],
  ],
  convolution: [['lfm2-biased', ({ convolution }) => ({ convolution: { ...convolution!, bias: false } })]],
  bias: [
    ['granite', () => ({ bias: { qkv: false, output: true, mlp: true } })],
    ['granite', () => ({ bias: { qkv: true, output: false, mlp: true } })],
    ['granite', () => ({ bias: { qkv: true, output: true, mlp: false } })],
  ],
}

/** What tensors' shapes follow from, and what no graph in float32 depends on. */
const OTHERS = [
  'family',
  'vocabSize',
  'hiddenSize',
  'intermediateSize',
  'heads',
  'kvHeads',
  'headDim',
  'maxPositions',
  'longContext',
  'residual',
]

/** The logits of the text's last token, after the cache has been grown and cut. */
async function lastLogits(model: Model): Promise<Float32Array> {
  const cache = model.newCache()
  const first = TEXT.slice(0, 20)
  await model.forward(cache, [...first, 7, 9], [...first.keys()].map((i) => i - 1).concat(19, 20), [19])
  cache.keep(first.map((_, slot) => slot))
  const rest = TEXT.slice(20)
  const last = rest.length - 1
  const output = await model.forward(
    cache,
    rest,
    rest.map((_, i) => 19 + i),
    [last],
  )
  return output.logits(last).slice()
}

test('all fields that any family has are among them', () => {
  const fixtures = [...new Set(Object.values(CHANGES).flatMap((each) => each.map(([name]) => name)))]
  const fields = fixtures.flatMap((name) => {
    const spec = specOf(name)
    return Object.keys(spec).filter((key) => spec[key as keyof DecoderSpec] !== undefined)
  })
  const known = [...OTHERS, ...Object.keys(CHANGES)]
  expect(known).toEqual(expect.arrayContaining([...new Set(fields)]))
  // What a graph reads of a specification, in whatever file: a new field has to be in this table.
  const source = readFileSync(join(import.meta.dirname, '../../src/models/spec.ts'), 'utf8')
  const [body] = /(?<=export interface DecoderSpec \{)[\s\S]*?(?=\n\})/.exec(source)!
  const declared = [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name)
  expect(declared.length).toBeGreaterThan(20)
  expect(declared.sort()).toEqual(known.sort())
})

test('every family has a fixture', () => {
  const goldens = readdirSync(join(import.meta.dirname, '../golden/models')).filter((name) =>
    /^(?!smollm2).*\.json$/.test(name),
  )
  const types = goldens.map((name) => specOf(name.replace('.json', '')).family)
  expect([...new Set(types)].sort()).toEqual(FAMILIES.map(({ type }) => type).sort())
})

const cases = Object.entries(CHANGES).flatMap(([field, changes]) =>
  changes.map(([fixture, change], i) => ({ field, fixture, change, i })),
)

describe.each(cases)('$field of $fixture, $i', ({ fixture, change }) => {
  test('counts, and in all layouts and the graph for training the same', async () => {
    const spec = specOf(fixture)
    const { store } = await openModel(fixturePath(fixture))
    const changed = { ...spec, ...change(spec) }
    const results: Float32Array[] = []
    for (const layout of LAYOUTS) {
      const model = await loadLayout(changed, store, layout)
      results.push(await lastLogits(model))
      await model.dispose()
    }
    const model = await loadLayout(spec, store, 'in-place')
    const before = await lastLogits(model)
    await model.dispose()
    results.push((await trainedLogits(changed, store, TEXT))(TEXT.length - 1))
    await store.close()
    expect(largestDifference(results[0], before)).toBeGreaterThan(1e-2)
    for (const result of results) expect(largestDifference(result, results[0])).toBeLessThan(TOLERANCE)
  })
})
