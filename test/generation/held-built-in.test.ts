import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { takeInput } from '../../src/chat/commands.js'
import { ChatSession } from '../../src/chat/session.js'
import { loadMedusa, loadMtp } from '../../src/drafting/heads.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import { isolateEnvironment, temporaryDirectory } from '../e2e/cli.js'
import { writeExport } from '../exported/exports.js'
import { type HeldLanguage, held, LANGUAGES, regex } from './held-text.js'

const ROOT = temporaryDirectory()
isolateEnvironment(ROOT)
const PROMPT = 'Once upon a time there was a'
const SENTENCE = regex('[A-Z][a-z]{2,6}(?: [a-z]{1,8}){2,3}\\.')
const LANGUAGES_HERE: readonly HeldLanguage[] = [SENTENCE, LANGUAGES['a schema']]
const GREEDY = { do_sample: false, max_new_tokens: 24 }

const loaded: { dispose(): Promise<void> }[] = []
const kept = async <T extends { dispose(): Promise<void> }>(loading: Promise<T>): Promise<T> => {
  const one = await loading
  loaded.push(one)
  return one
}
const load = (options: object = {}, path = BUILT_IN) =>
  kept(loadModel(path, { dtype: 'fp32', device: 'cpu', threads: 1, ...options }))

let model: LanguageModel
let options: Record<string, GenerateOptions>
beforeAll(async () => {
  model = await load({ exits: () => [0, 1] })
  const [draft, first] = [await load({}, join(BUILT_IN_DIRECTORY, 'draft')), await load({ layers: 1 })]
  const medusa = await kept(loadMedusa(join(BUILT_IN_DIRECTORY, 'medusa'), model, { tree: 8 }))
  const typical = await kept(loadMedusa(join(BUILT_IN_DIRECTORY, 'medusa'), model, { tree: 8, typical: {} }))
  const mtp = await kept(loadMtp(join(BUILT_IN_DIRECTORY, 'mtp'), model, { depth: 3 }))
  options = {
    'a draft model': { assistant: draft },
    'an early exit': { assistant: first },
    'Medusa heads': medusa.options,
    'typical acceptance': typical.options,
    'MTP modules': mtp.options,
    'an amateur': { amateur: draft },
  }
})
afterAll(async () => {
  await Promise.all(loaded.map((each) => each.dispose()))
})

describe('the built-in model keeps to a language', () => {
  test.each(['a draft model', 'an early exit', 'Medusa heads', 'MTP modules'])(
    'with drafts of %s, which change nothing',
    async (name) => {
      const drawn = { ...GREEDY, do_sample: true, seed: 3 }
      for (const [language, how] of [
        [LANGUAGES_HERE[0], drawn],
        [LANGUAGES_HERE[1], GREEDY],
      ] as const) {
        const drafted = await held(model, language, how, options[name], PROMPT)
        // What is drawn with a draft model's chances is distributed alike, and not the same.
        if (how.do_sample && options[name].assistant) continue
        expect(drafted.ids).toEqual((await held(model, language, how, {}, PROMPT)).ids)
      }
    },
  )

  test.each<[string, object, string?]>([
    ['DoLa', { dola_layers: [0, 1] }],
    ['an amateur', {}, 'an amateur'],
    ['typical acceptance', { do_sample: true, seed: 1 }, 'typical acceptance'],
    ['contrastive search', { penalty_alpha: 0.6, top_k: 4 }],
    ['guidance', { guidance_scale: 2 }],
    ['beams', { num_beams: 4, num_return_sequences: 3 }],
    ['beams with a word', { num_beams: 4, force_words: ['day'] }],
  ])('under %s', async (_, settings, name) => {
    for (const language of Object.hasOwn(settings, 'force_words') ? [SENTENCE] : LANGUAGES_HERE) {
      const result = await held(
        model,
        language,
        { ...GREEDY, ...settings },
        name ? options[name] : {},
        PROMPT,
      )
      if ('force_words' in settings) expect(result.text).toMatch(/day/)
    }
  })

  test('as an export to ONNX, with the same text', async () => {
    const exported = await load({ dtype: 'auto' }, await writeExport(BUILT_IN_DIRECTORY, join(ROOT, 'x'), {}))
    for (const language of LANGUAGES_HERE) {
      const { ids } = await held(exported, language, GREEDY, {}, PROMPT)
      expect(ids).toEqual((await held(model, language, GREEDY, {}, PROMPT)).ids)
    }
  })

  test('in a chat, for the turns that are held to one', async () => {
    const session = await ChatSession.begin(model, {
      modelName: 'the model',
      sources: { load: loadModel, costs: {} },
      settings: { max_new_tokens: 30, seed: 2 },
    })
    const say = async (text: string) => {
      const { answer } = await takeInput(session, text)
      let all = ''
      for await (const chunk of answer ?? []) all += chunk.text
      return all
    }
    await say('/set regex [a-c]{3,5}')
    expect(await say('Say it.')).toMatch(/^[a-c]{3,5}$/)
    expect(await say('Again.')).toMatch(/^[a-c]{3,5}$/)
    await say('/set regex default')
    await say('/set choices ["yes", "no"]')
    expect(await say('Is it?')).toMatch(/^(yes|no)$/)
    const refused = await takeInput(session, '/set regex (').catch((error: Error) => error.message)
    expect(JSON.stringify(refused)).toMatch(/regex|regular expression/)
  })
})
