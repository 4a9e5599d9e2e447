import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadMedusa, loadMtp } from '../../src/drafting/heads.js'
import { generate } from '../../src/generation/generate.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import type { RunType } from '../../src/runtime/storage.js'
import { besideLookup } from '../../src/strategies/drafters/beside-lookup.js'
import { draftModel } from '../../src/strategies/drafters/draft-model.js'
import { promptLookup } from '../../src/strategies/drafters/prompt-lookup.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

/** Of 100: the turns of MT-bench's questions. `LLM_TEST_MEDUSA` names heads for SmolLM2. */
const PROMPTS = Number(process.env.LLM_TEST_PROMPTS ?? 6)
const TOKENS = 128
const SMOLLM2 = process.env.LLM_TEST_SMOLLM2
const SMOLLM2_HEADS = process.env.LLM_TEST_MEDUSA
const QUESTIONS = join(import.meta.dirname, '../../../shared/data/prompts/mt_bench.jsonl')

/** Nats between the two best scores: passes of other sizes round the scores otherwise, by some 1e-5. */
const NEAR_TIE = 1e-3

type Drafts = Pick<GenerateOptions, 'createDrafter' | 'strategy'>

const missing = !existsSync(QUESTIONS) && `there is no ${QUESTIONS}`
if (missing) console.warn(`Drafters are not tested on real models: ${missing}.`)
else if (!SMOLLM2) console.warn('Drafters are not tested on SmolLM2: LLM_TEST_SMOLLM2 is not set.')

/** As many first and second turns as are wanted, from all kinds of questions. */
function prompts(): string[] {
  const rows: { turns: string[] }[] = readFileSync(QUESTIONS, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const turns = [...rows.map((row) => row.turns[0]), ...rows.map((row) => row.turns[1])].slice(0, 100)
  return Array.from({ length: PROMPTS }, (_, i) => turns[Math.floor((i * turns.length) / PROMPTS)])
}

async function load(name: string, dtype: RunType): Promise<LanguageModel> {
  return loadModel(name, { dtype, device: 'cpu' })
}

/** Each drafts as much as it may at every step, so that much is wrong. */
async function drafters(model: LanguageModel, parts: Record<'medusa' | 'mtp' | 'draft', string | undefined>) {
  const { eosTokenIds } = model.tokenizer
  const found = new Map<string, Drafts>([
    ['lookup', { createDrafter: promptLookup({ numTokens: 8, eosTokenIds }) }],
  ])
  const disposables: { dispose(): Promise<void> }[] = []
  if (parts.draft) {
    const draft = await load(parts.draft, 'fp32')
    disposables.push(draft)
    found.set('draft model', { createDrafter: draftModel({ model: draft.model, numTokens: 5, eosTokenIds }) })
  }
  if (parts.medusa) {
    const heads = await loadMedusa(parts.medusa, model, { tree: 24 })
    disposables.push(heads)
    found.set('Medusa', heads.options)
    const { createDrafter } = heads.options
    const createControl = () => ({ size: 8, record: () => {} })
    const both = besideLookup({ createDrafter: createDrafter! }, { createControl, eosTokenIds })
    found.set('lookup and Medusa', { createDrafter: both })
  }
  if (parts.mtp) {
    const modules = await loadMtp(parts.mtp, model, { depth: 3 })
    disposables.push(modules)
    found.set('MTP', modules.options)
  }
  return { found, dispose: async () => void (await Promise.all(disposables.map((each) => each.dispose()))) }
}

const MODELS = [
  {
    name: BUILT_IN,
    parts: {
      medusa: join(BUILT_IN_DIRECTORY, 'medusa'),
      mtp: join(BUILT_IN_DIRECTORY, 'mtp'),
      draft: join(BUILT_IN_DIRECTORY, 'draft'),
    },
  },
  ...(SMOLLM2 ? [{ name: SMOLLM2, parts: { medusa: SMOLLM2_HEADS, mtp: undefined, draft: undefined } }] : []),
]

const HOW = {
  greedily: { do_sample: false },
  'with a seed': { do_sample: true, temperature: 0.8, top_p: 0.9, seed: 5 },
}

describe.skipIf(missing).each(MODELS)('$name in float32', { timeout: 3_600_000 }, ({ name, parts }) => {
  let model: LanguageModel
  let drafts: Awaited<ReturnType<typeof drafters>>
  beforeAll(async () => {
    model = await load(name, 'fp32')
    drafts = await drafters(model, parts)
  })
  afterAll(async () => {
    await drafts?.dispose()
    await model?.dispose()
  })

  const run = (subject: LanguageModel, text: string, how: object, options: GenerateOptions = {}) => {
    const prompt = subject.tokenizer.chatTemplate ? [{ role: 'user', content: text }] : text
    return generate(subject, prompt, { max_new_tokens: TOKENS, ...how }, options).result()
  }

  /** Where two texts part, and how clear plain decoding's choice was there, nats: undefined where they are the same. */
  async function difference(text: string, how: object, plain: readonly number[], other: readonly number[]) {
    if (plain.join() === other.join()) return undefined
    const { logprobs } = await run(model, text, how, { logprobs: 2 })
    const at = plain.findIndex((id, i) => id !== other[i])
    const [best, second] = logprobs![at]?.top ?? []
    return { at, gap: second ? best.logprob - second.logprob : Infinity }
  }

  test.each(Object.entries(HOW))('every drafter leaves the text as it is, %s', async (_, how) => {
    const counts = new Map<string, { same: number; drafted: number; accepted: number; gaps: number[] }>()
    for (const text of prompts()) {
      const { ids } = await run(model, text, how)
      for (const [drafter, options] of drafts.found) {
        const count = counts.get(drafter) ?? { same: 0, drafted: 0, accepted: 0, gaps: [] }
        counts.set(drafter, count)
        const result = await run(model, text, how, options)
        const parts = await difference(text, how, ids, result.ids)
        if (parts) count.gaps.push(parts.gap)
        else count.same++
        count.drafted += result.statistics.drafted_tokens
        count.accepted += result.statistics.accepted_tokens
      }
    }
    for (const [drafter, { same, drafted, accepted, gaps }] of counts) {
      const ties =
        gaps.length > 0 ? `, the others part at gaps of ${gaps.map((gap) => gap.toPrecision(1))} nats` : ''
      console.log(
        `${drafter}: ${same} of ${PROMPTS} texts the same${ties}; ${accepted} of ${drafted} drafted tokens accepted`,
      )
      expect(drafted, drafter).toBeGreaterThan(0)
      expect(accepted, drafter).toBeLessThan(drafted)
      for (const gap of gaps) expect(gap, drafter).toBeLessThan(NEAR_TIE)
    }
  })

  test('other weights are told from it', async () => {
    const other = await load(name, 'int4')
    try {
      const gaps: number[] = []
      for (const text of prompts().slice(0, 4)) {
        const [{ ids }, result] = [await run(model, text, HOW.greedily), await run(other, text, HOW.greedily)]
        gaps.push((await difference(text, HOW.greedily, ids, result.ids))?.gap ?? 0)
      }
      expect(Math.max(...gaps)).toBeGreaterThan(NEAR_TIE)
    } finally {
      await other.dispose()
    }
  })
})
