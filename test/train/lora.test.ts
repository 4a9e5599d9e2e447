import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { DecoderSpec } from '../../src/models/spec.js'
import { elements } from '../../src/onnx/shapes.js'
import { ArraySession, type Values } from '../../src/runtime/array-session.js'
import { BatchDecoder } from '../../src/train/graphs/batch-decoder.js'
import { Lora, type LoraSettings } from '../../src/train/graphs/lora.js'
import { initialAdapters, mergeAdapters, writeAdapter } from '../../src/train/lora.js'
import { nextToken } from '../../src/train/objective.js'
import { Trainer } from '../../src/train/trainer.js'
import type { Weights } from '../../src/weights/index.js'
import { openWeights } from '../../src/weights/index.js'
import { largestDifference } from '../fixtures.js'
import {
  batches,
  type GoldenFile,
  goldenBatch,
  goldenOptimiser,
  readFixture,
  readGolden,
} from './golden-run.js'

interface Run {
  readonly target_modules: 'all-linear' | string[]
  readonly base_loss: number
  readonly losses: number[]
  readonly logits: number[]
}

const golden = readGolden<GoldenFile<Run> & { r: number; lora_alpha: number }>('lora.json')
const { spec, weights: base } = await readFixture('llama')
const shape = { batch: golden.batch, length: golden.length }
const directory = mkdtempSync(join(tmpdir(), 'lora-'))
afterAll(() => rmSync(directory, { recursive: true }))

function loraOf(targetModules: LoraSettings['targetModules'], rank = golden.r): Lora {
  return new Lora(spec, { rank, alpha: golden.lora_alpha, targetModules })
}

/** The adapters that make_lora.py begins with. */
function goldenAdapters(lora: Lora): Weights {
  const weights = initialAdapters(lora, 0)
  for (const [index, { a }] of [...lora.layers.values()].entries()) {
    const scale = 1 / Math.sqrt(a.shape[1])
    weights.set(
      a.name,
      weights.get(a.name)!.map((_, i) => Math.sin(7.3 * i + index) * scale),
    )
  }
  return weights
}

function copyOf(weights: Weights): Weights {
  return new Map([...weights].map(([name, values]) => [name, values.slice()]))
}

const rateOf = (name: string) => (/\.lora_[AB]\.weight$/.test(name) ? 1 : undefined)

async function trainer(lora: Lora, weights: Weights): Promise<Trainer> {
  const optimiser = goldenOptimiser(golden, 20)
  return Trainer.create(nextToken(spec, lora), { device: 'cpu', weights, optimiser, shape, rateOf })
}

/** The logits of the last token of a batch's first row. */
async function lastLogits(
  model: DecoderSpec,
  weights: Weights,
  ids: Int32Array,
  lora?: Lora,
): Promise<Float32Array> {
  const decoder = new BatchDecoder(model, { batch: 1, length: ids.length }, { lora })
  const { graph } = decoder
  graph.node('Gemm', [decoder.hidden(), decoder.head()], { transB: 1 }, 'logits')
  graph.output('logits', 'float32', [ids.length, model.vocabSize])
  const logits = new Float32Array(ids.length * model.vocabSize)
  const segments = new Int32Array(ids.length)
  const session = await ArraySession.create(graph, { device: 'cpu' })
  await session.run(
    new Map<string, Values>([...weights, ['ids', ids], ['segments', segments], ['logits', logits]]),
  )
  await session.dispose()
  return logits.subarray(-model.vocabSize)
}

describe.each(golden.runs)('adapters of $target_modules', (run) => {
  const lora = loraOf(run.target_modules)
  const batch = goldenBatch(golden, run)

  test('are trained as PyTorch trains them, and merged into weights of the same logits', async () => {
    const weights: Weights = new Map([...copyOf(base), ...goldenAdapters(lora)])
    const running = await trainer(lora, weights)
    for (const [i, expected] of run.losses.entries()) {
      const { loss } = await running.step([batch])
      expect(Math.abs(loss - expected), `loss of step ${i + 1}`).toBeLessThan(1e-4)
    }
    await running.dispose()
    for (const [name, values] of base) expect(weights.get(name), name).toEqual(values)

    const ids = batch.ids.slice(0, golden.length)
    const adapted = await lastLogits(spec, weights, ids, lora)
    expect(largestDifference(adapted, run.logits)).toBeLessThan(2e-3)
    const merged = mergeAdapters(lora, weights)
    expect([...merged.keys()]).toEqual([...base.keys()])
    expect(largestDifference(await lastLogits(spec, merged, ids), adapted)).toBeLessThan(1e-5)
    // The base model's are far from both.
    expect(largestDifference(await lastLogits(spec, base, ids), adapted)).toBeGreaterThan(0.1)
  })

  test('change nothing as they begin', async () => {
    const options = { device: 'cpu', optimiser: goldenOptimiser(golden, 20), shape } as const
    const plain = await Trainer.create(nextToken(spec), { ...options, weights: copyOf(base) })
    const fresh = await trainer(lora, new Map([...base, ...initialAdapters(lora, 7)]))
    const { loss } = await plain.evaluate(batches(batch))
    expect((await fresh.evaluate(batches(batch))).loss).toBe(loss)
    expect(loss).toBeCloseTo(run.base_loss, 5)
    await plain.dispose()
    await fresh.dispose()
  })
})

describe('adapters', () => {
  test('begin uniform within ±1/√in, another seed with other values, and B zero', () => {
    const lora = loraOf(['down_proj'])
    const weights = initialAdapters(lora, 1)
    for (const { a, b } of lora.layers.values()) {
      const values = weights.get(a.name)!
      const bound = 1 / Math.sqrt(96)
      expect(values.length).toBe(4 * 96)
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound)
      // The variance of a uniform distribution is a third of the bound's square.
      const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
      expect(variance / (bound ** 2 / 3)).toBeGreaterThan(0.8)
      expect(variance / (bound ** 2 / 3)).toBeLessThan(1.2)
      expect(weights.get(b.name)!.every((value) => value === 0)).toBe(true)
    }
    expect(initialAdapters(lora, 2)).not.toEqual(weights)
    expect(initialAdapters(lora, 1)).toEqual(weights)
  })

  test('are of the modules whose names end as a target, or of all but the vocabulary', () => {
    expect([...loraOf('all-linear').layers.keys()]).toHaveLength(3 * 7)
    expect(loraOf('all-linear').layers.has('lm_head.weight')).toBe(false)
    expect([...loraOf(['layers.1.self_attn.q_proj', 'mlp.up_proj']).layers.keys()]).toEqual([
      'model.layers.0.mlp.up_proj.weight',
      'model.layers.1.self_attn.q_proj.weight',
      'model.layers.1.mlp.up_proj.weight',
      'model.layers.2.mlp.up_proj.weight',
    ])
    // An ending of a name is no module.
    expect(() => loraOf(['proj'])).toThrow(
      'The model has no module "proj" to adapt: choose from q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, or all-linear.',
    )
  })

  test("are written with PEFT's names", async () => {
    const lora = loraOf(['q_proj', 'v_proj'])
    const weights = goldenAdapters(lora)
    await writeAdapter(directory, lora, weights, 'org/base')
    expect(JSON.parse(readFileSync(join(directory, 'adapter_config.json'), 'utf8'))).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: 'org/base',
      r: 4,
      lora_alpha: 10,
      lora_dropout: 0,
      target_modules: ['q_proj', 'v_proj'],
    })
    const all = join(directory, 'all')
    await writeAdapter(all, loraOf('all-linear'), initialAdapters(loraOf('all-linear'), 0), 'org/base')
    expect(JSON.parse(readFileSync(join(all, 'adapter_config.json'), 'utf8')).target_modules).toEqual(
      'q_proj k_proj v_proj o_proj gate_proj up_proj down_proj'.split(' '),
    )
    const store = await openWeights(join(directory, 'adapter_model.safetensors'))
    const name = 'base_model.model.model.layers.2.self_attn.v_proj.lora_A.weight'
    expect(store.tensors.size).toBe(3 * 2 * 2)
    expect(store.tensors.get(name)!.shape).toEqual([4, 64])
    expect(store.tensors.get(name.replace('lora_A', 'lora_B'))!.shape).toEqual([32, 4])
    expect(await store.read(name)).toEqual(weights.get('model.layers.2.self_attn.v_proj.lora_A.weight'))
    await store.close()
    for (const { a } of lora.layers.values()) expect(weights.get(a.name)!.length).toBe(elements(a.shape))
  })
})
