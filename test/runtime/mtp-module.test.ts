import { describe, expect, test } from 'vitest'
import { MtpDecoder, moduleName, mtpParameters } from '../../src/models/heads/mtp.js'
import { elements } from '../../src/onnx/shapes.js'
import { createRandom } from '../../src/random.js'
import { ArraySession, type Values } from '../../src/runtime/array-session.js'
import { OnnxMtpModule } from '../../src/runtime/mtp-module.js'
import { maximum } from '../../src/strategies/ranking.js'
import { loadFixture } from '../fixtures.js'
import { readFixture } from '../train/golden-run.js'

const DEPTH = 3
const random = createRandom(8)

describe.each([
  ['llama', { depth: DEPTH, modules: 1, hiddenStatesFirst: false, parallel: false }],
  ['qwen3', { depth: DEPTH, modules: 2, hiddenStatesFirst: true, parallel: false }],
  ['gemma3', { depth: DEPTH, modules: 3, hiddenStatesFirst: false, parallel: false }],
])('modules of %s, %j', (fixture, mtp) => {
  test('predict in decoding what they predict in training', async () => {
    const { spec, weights } = await readFixture(fixture)
    for (const { name, kind, shape } of mtpParameters(spec, mtp)) {
      const center = kind === 'vector' && !name.endsWith('.bias') && !spec.gemmaNorms ? 1 : 0
      weights.set(
        name,
        Float32Array.from({ length: elements(shape) }, () => center + 0.3 * (2 * random() - 1)),
      )
    }
    const length = 12
    const tokens = Array.from({ length: length + DEPTH }, () => Math.floor(random() * spec.vocabSize))
    const wanted = await trained(spec, mtp, weights, tokens, length)

    const { model } = await loadFixture(fixture, { device: 'cpu', dtype: 'fp32', threads: 1 })
    const chain = Array.from({ length }, (_, i) => i - 1)
    const output = await model.forward(model.newCache(), tokens.slice(0, length), chain, [])
    let states = chain.map((_, i) => output.hidden(i).slice())
    for (let depth = 0; depth < DEPTH; depth++) {
      const module = {
        name: moduleName(spec, Math.min(depth, mtp.modules - 1)),
        hiddenStatesFirst: mtp.hiddenStatesFirst,
      }
      const session = await OnnxMtpModule.create(spec, module, weights, { device: 'cpu', threads: 1 })
      const items = states.map((state, i) => ({ token: tokens[i + depth + 1], state }))
      // In two passes, as in decoding.
      const cache = session.newCache()
      const half = length / 2
      const first = await session.forward(cache, items.slice(0, half), chain.slice(0, half), [half - 1])
      const before = items.slice(0, half).map((_, i) => first.hidden(i).slice())
      const second = await session.forward(cache, items.slice(half), chain.slice(half))
      states = [...before, ...items.slice(half).map((_, i) => second.hidden(i).slice())]
      for (let i = half; i < length; i++) {
        const logits = second.logits(i - half)
        const own = wanted[depth].subarray(i * spec.vocabSize, (i + 1) * spec.vocabSize)
        // The vocabulary matrix is held in 8 bits.
        const spread = maximum(own) - maximum(own.map((value) => -value))
        const difference = Math.max(...own.map((value, j) => Math.abs(value - logits[j])))
        expect(difference).toBeLessThan(0.02 * Math.max(1, Math.abs(spread)) + 0.05)
      }
      await session.dispose()
    }
    await model.dispose()
  })
})

/** The logits at each depth, [length, vocab], by the graph that is trained. */
async function trained(
  spec: ConstructorParameters<typeof MtpDecoder>[0],
  mtp: Parameters<typeof mtpParameters>[1],
  weights: ReadonlyMap<string, Float32Array>,
  tokens: readonly number[],
  length: number,
): Promise<Float32Array[]> {
  const decoder = new MtpDecoder(spec, { batch: 1, length })
  const { graph } = decoder
  const ahead = Array.from({ length: DEPTH }, (_, k) => graph.input(`ahead.${k}`, 'int32', [1, length]))
  const { beyond } = decoder.predictions(mtp, ahead)
  const arrays = new Map<string, Values>(weights)
  arrays.set('ids', Int32Array.from(tokens.slice(0, length)))
  arrays.set('segments', new Int32Array(length))
  const results = beyond.map(({ hidden, weight }, k) => {
    graph.output(graph.node('Gemm', [hidden, weight], { transB: 1 }, `logits.${k}`), 'float32', [
      length,
      spec.vocabSize,
    ])
    arrays.set(`ahead.${k}`, Int32Array.from(tokens.slice(k + 1, k + 1 + length)))
    const logits = new Float32Array(length * spec.vocabSize)
    arrays.set(`logits.${k}`, logits)
    return logits
  })
  const session = await ArraySession.create(graph, { device: 'cpu', threads: 1 })
  await session.run(arrays)
  await session.dispose()
  return results
}
