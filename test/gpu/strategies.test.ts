import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { LoadedDrafter } from '../../src/drafting/drafter.js'
import { loadMedusa, loadMtp } from '../../src/drafting/heads.js'
import { generate } from '../../src/generation/generate.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import type { Device } from '../../src/runtime/device.js'
import { dolaLayers } from '../../src/scores/dola.js'
import { testDevices } from '../runtime/devices.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const gpus = (await testDevices()).filter(({ device }) => device !== 'cpu')
const PROMPT = 'Once upon a time there was a little'
const TOKENS = 6
const DOLA = [1, 2]
const part = (name: string) => join(BUILT_IN_DIRECTORY, name)

/** The built-in model on a device, with what drafts for it. */
class Side {
  private readonly parts: { dispose(): Promise<void> }[] = []
  private constructor(
    readonly model: LanguageModel,
    /** Its first layers. */
    readonly earlyExit: LanguageModel,
    readonly draft: LanguageModel,
  ) {
    this.parts.push(model, earlyExit, draft)
  }

  static async load(device: Device): Promise<Side> {
    const options = { dtype: 'fp32', device } as const
    const exits = (spec: NonNullable<LanguageModel['spec']>) => dolaLayers(DOLA, spec)
    return new Side(
      await loadModel(BUILT_IN, { ...options, exits }),
      await loadModel(BUILT_IN, { ...options, layers: 2 }),
      await loadModel(part('draft'), options),
    )
  }

  async drafter(load: (model: LanguageModel) => Promise<LoadedDrafter>): Promise<Partial<GenerateOptions>> {
    const drafter = await load(this.model)
    this.parts.push(drafter)
    return drafter.options
  }

  async generate(settings: object, options: Partial<GenerateOptions> = {}): Promise<readonly number[]> {
    const common = { max_new_tokens: TOKENS, do_sample: false, seed: 1 }
    return (await generate(this.model, PROMPT, { ...common, ...settings }, options).result()).ids
  }

  async dispose(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.dispose()))
  }
}

/** What a strategy adds to `generate`. */
type Case = [name: string, settings: object, options?: (side: Side) => Promise<Partial<GenerateOptions>>]
const cases: Case[] = [
  ['greedy', {}],
  ['sample', { do_sample: true, temperature: 0.8 }],
  ['sample of all tokens', { do_sample: true, top_k: 0 }],
  ['two samples', { do_sample: true, num_return_sequences: 2 }],
  ['beam', { num_beams: 3 }],
  ['contrastive', { penalty_alpha: 0.6, top_k: 4 }],
  ['dola', { dola_layers: DOLA }],
  ['lookup', { prompt_lookup_num_tokens: 4, max_matching_ngram_size: 1 }],
  ['early-exit', { assistant_early_exit: 2 }, async ({ earlyExit }) => ({ assistant: earlyExit })],
  ['speculative', { num_assistant_tokens: 4 }, async ({ draft }) => ({ assistant: draft })],
  ['medusa', {}, (side) => side.drafter((model) => loadMedusa(part('medusa'), model, { tree: 6 }))],
  ['mtp', {}, (side) => side.drafter((model) => loadMtp(part('mtp'), model, { depth: 3 }))],
]

for (const { device, missing } of gpus) {
  describe.skipIf(missing !== undefined)(`on ${device} the text is that of the CPU`, () => {
    let sides: Side[]
    beforeAll(async () => {
      sides = [await Side.load('cpu'), await Side.load(device)]
    })
    afterAll(() => Promise.all(sides.map((side) => side.dispose())))

    test.each(cases)('%s', async (_, settings, options) => {
      const [cpu, gpu] = [
        await sides[0].generate(settings, await options?.(sides[0])),
        await sides[1].generate(settings, await options?.(sides[1])),
      ]
      expect(cpu).toHaveLength(TOKENS)
      expect(gpu).toEqual(cpu)
    })
  })
}
