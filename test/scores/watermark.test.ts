import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Greenlist, type WatermarkingConfig } from '../../src/scores/processors/watermark.js'
import { detectWatermark, type WatermarkDetection } from '../../src/scores/watermark-detector.js'

interface Golden {
  greenlists: {
    config: WatermarkingConfig
    vocab_size: number
    context: number[]
    count: number
    first: number[]
    sha256: string
  }[]
  detections: {
    config: WatermarkingConfig
    vocab_size: number
    bos_token_id: number
    ids: number[]
    ignore_repeated_ngrams: boolean
    result: WatermarkDetection
  }[]
}
const golden: Golden = JSON.parse(
  readFileSync(new URL('../golden/processors/watermark.json', import.meta.url), 'utf8'),
)

describe("green lists equal HF's", () => {
  it.each(golden.greenlists)('$vocab_size $config.seeding_scheme $context', (one) => {
    const greenlist = new Greenlist(one.config, one.vocab_size)
    const green = greenlist.tokens(one.context).slice()
    expect([...green.subarray(0, 8)]).toEqual(one.first)
    expect(green.length).toBe(one.count)
    expect(createHash('sha256').update(new Uint8Array(green.buffer)).digest('hex')).toBe(one.sha256)

    const inList = new Set(green)
    for (let token = 0; token < one.vocab_size; token += one.vocab_size / 32) {
      expect(greenlist.includes(token, one.context)).toBe(inList.has(token))
    }
  })
})

describe('the detector', () => {
  it.each(golden.detections.map((one, i) => [i, one] as const))("equals HF's, %i", (_, one) => {
    const result = detectWatermark(one.ids, {
      config: one.config,
      vocabSize: one.vocab_size,
      bosTokenId: one.bos_token_id,
      ignoreRepeatedNgrams: one.ignore_repeated_ngrams,
    })
    for (const [key, value] of Object.entries(one.result)) {
      const ours = result[key as keyof WatermarkDetection]
      if (typeof value === 'number') expect(ours).toBeCloseTo(value, 12)
      else expect(ours).toBe(value)
    }
    expect(result.p_value / one.result.p_value).toBeCloseTo(1, 9)
  })

  it('has seen marked and unmarked texts', () => {
    expect(new Set(golden.detections.map(({ result }) => result.prediction))).toEqual(new Set([true, false]))
  })

  it('does not find a mark with another key', () => {
    const marked = golden.detections.find(({ result }) => result.prediction)!
    const config = { ...marked.config, hashing_key: marked.config.hashing_key + 2 }
    expect(detectWatermark(marked.ids, { config, vocabSize: marked.vocab_size }).prediction).toBe(false)
  })

  it('refuses a text that is too short', () => {
    const { config, vocab_size: vocabSize } = golden.detections[0]
    expect(() => detectWatermark([4], { config, vocabSize })).toThrow('needs more than 1')
  })
})
