import { describe, expect, test } from 'vitest'
import { draftShape } from '../../src/models/heads/draft-vocabulary.js'
import { type MtpSpec, moduleName, mtpParameters } from '../../src/models/heads/mtp.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { elements } from '../../src/onnx/shapes.js'
import { createRandom } from '../../src/random.js'
import { ArraySession, type Values } from '../../src/runtime/array-session.js'
import { OnnxMtpModule } from '../../src/runtime/mtp-module.js'
import { OnnxParallelHeads } from '../../src/runtime/parallel-heads.js'
import { maximum } from '../../src/strategies/ranking.js'
import { logitsOf } from '../../src/train/graphs/losses.js'
import { MtpDecoder } from '../../src/train/graphs/mtp-decoder.js'
import { largestDifference, loadFixture } from '../fixtures.js'
import { readFixture } from '../train/golden-run.js'

const DEPTH = 3
const LENGTH = 12
const random = createRandom(8)
const draftTokens = Array.from({ length: 100 }, (_, i) => 2 + 3 * i)

const chain = (length: number) => Array.from({ length }, (_, i) => i - 1)

/** A fixture's weights with random ones for its modules. */
async function withModules(fixture: string, mtp: MtpSpec) {
  const { spec, weights } = await readFixture(fixture)
  for (const { name, kind, shape } of mtpParameters(spec, mtp)) {
    const center = kind === 'vector' && !name.endsWith('.bias') && spec.normOffset === 0 ? 1 : 0
    weights.set(
      name,
      Float32Array.from({ length: elements(shape) }, () => center + 0.3 * (2 * random() - 1)),
    )
  }
  const tokens = Array.from({ length: LENGTH + DEPTH }, () => Math.floor(random() * spec.vocabSize))
  return { spec, weights, tokens, wanted: await trained(spec, mtp, weights, tokens, LENGTH) }
}

/** Compares with the row of a position, to what a vocabulary matrix of 8 bits allows. */
function expectRow(logits: Float32Array, rows: Float32Array, position: number): void {
  const own = rows.subarray(position * logits.length, (position + 1) * logits.length)
  const spread = maximum(own) + maximum(own.map((value) => -value))
  expect(largestDifference(own, logits)).toBeLessThan(0.01 * spread)
}

describe.each([
  ['llama', { depth: DEPTH, modules: 1, hiddenStatesFirst: false, parallel: false }],
  ['qwen3', { depth: DEPTH, modules: 2, hiddenStatesFirst: true, parallel: false }],
  ['gemma3', { depth: DEPTH, modules: 3, hiddenStatesFirst: false, parallel: false }],
  ...['gpt2', 'gpt_neox', 'cohere2', 'glm4', 'hunyuan_v1_dense'].map(
    (fixture) =>
      [fixture, { depth: DEPTH, modules: 2, hiddenStatesFirst: false, parallel: false }] as [string, MtpSpec],
  ),
  ['llama', { depth: DEPTH, modules: 1, hiddenStatesFirst: false, parallel: false, draftTokens }],
])('modules of %s, %j', (fixture, mtp) => {
  test('predict in decoding what they predict in training', async () => {
    const { spec, weights, tokens, wanted } = await withModules(fixture, mtp)
    const { model } = await loadFixture(fixture, { device: 'cpu', dtype: 'fp32', threads: 1 })
    const parents = chain(LENGTH)
    const output = await model.forward(model.newCache(), tokens.slice(0, LENGTH), parents, [])
    let states = parents.map((_, i) => output.hidden(i).slice())
    for (let depth = 0; depth < DEPTH; depth++) {
      const module = {
        name: moduleName(spec, Math.min(depth, mtp.modules - 1)),
        hiddenStatesFirst: mtp.hiddenStatesFirst,
        draftTokens: 'draftTokens' in mtp ? mtp.draftTokens : undefined,
      }
      const session = await OnnxMtpModule.create(spec, module, weights, { device: 'cpu', threads: 1 })
      const items = states.map((state, i) => ({ token: tokens[i + depth + 1], state }))
      // In two passes, as in decoding.
      const cache = session.newCache()
      const half = LENGTH / 2
      const first = await session.forward(cache, items.slice(0, half), parents.slice(0, half), [half - 1])
      const before = items.slice(0, half).map((_, i) => first.residual(i).slice())
      const second = await session.forward(cache, items.slice(half), parents.slice(half))
      states = [...before, ...items.slice(half).map((_, i) => second.residual(i).slice())]
      for (let i = half; i < LENGTH; i++) expectRow(second.logits(i - half), wanted[depth], i)
      await session.dispose()
    }
    await model.dispose()
  })
})

describe.each([
  ['llama', {}],
  ['qwen3', {}],
  ['gemma3', {}],
  ['gpt2', {}],
  ['cohere2', {}],
  ['qwen3', { draftTokens }],
])('parallel heads of %s, %j', (fixture, draft) => {
  const mtp = { depth: DEPTH, modules: DEPTH, hiddenStatesFirst: false, parallel: true, ...draft }

  test.each([1, DEPTH])('%i of them predict in decoding what they predict in training', async (count) => {
    const { spec, weights, tokens, wanted } = await withModules(fixture, mtp)
    const { model } = await loadFixture(fixture, { device: 'cpu', dtype: 'fp32', threads: 1 })
    const output = await model.forward(model.newCache(), tokens.slice(0, LENGTH), chain(LENGTH), [])
    const states = tokens.slice(0, LENGTH).map((_, i) => output.residual(i).slice())
    await model.dispose()
    const heads = await OnnxParallelHeads.create(spec, count, draft, weights, { device: 'cpu', threads: 1 })
    const cache = heads.newCache()
    for (const [from, to] of [
      [0, 6],
      [6, 7],
      [7, 10],
      [10, LENGTH],
    ]) {
      const scores = await heads.append(cache, states.slice(from, to))
      expect(scores).toHaveLength(count)
      for (const [head, row] of scores.entries()) expectRow(row, wanted[head], to - 1)
      // Another head, another prediction.
      if (count > 1) expect(() => expectRow(scores[0], wanted[1], to - 1)).toThrow()
    }
    await heads.dispose()
  })
})

/** The logits at each depth, [length, vocab], by the graph that is trained. */
async function trained(
  spec: DecoderSpec,
  mtp: MtpSpec,
  weights: ReadonlyMap<string, Float32Array>,
  tokens: readonly number[],
  length: number,
): Promise<Float32Array[]> {
  const decoder = new MtpDecoder(spec, { batch: 1, length })
  const { graph } = decoder
  const depths = mtp.parallel ? [] : Array.from({ length: DEPTH }, (_, k) => k)
  const ahead = depths.map((k) => graph.input(`ahead.${k}`, 'int32', [1, length]))
  const { beyond } = decoder.predictions(mtp, ahead)
  const arrays = new Map<string, Values>(weights)
  arrays.set('ids', Int32Array.from(tokens.slice(0, length)))
  arrays.set('segments', new Int32Array(length))
  const results = beyond.map((projection, k) => {
    const { vocabSize } = draftShape(spec, mtp)
    graph.node('Identity', [logitsOf(graph, projection)], {}, `logits.${k}`)
    graph.output(`logits.${k}`, 'float32', [length, vocabSize])
    if (!mtp.parallel) arrays.set(`ahead.${k}`, Int32Array.from(tokens.slice(k + 1, k + 1 + length)))
    const logits = new Float32Array(length * vocabSize)
    arrays.set(`logits.${k}`, logits)
    return logits
  })
  const session = await ArraySession.create(graph, { device: 'cpu', threads: 1 })
  await session.run(arrays)
  await session.dispose()
  return results
}
