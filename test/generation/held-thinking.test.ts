import { describe, expect, test } from 'vitest'
import { type GenerationSettings, generate, type Prompt } from '../../src/generation/generate.js'
import type { GenerateOptions } from '../../src/generation/options.js'
import { tokenRecycling } from '../../src/strategies/drafters/token-recycling.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { trained } from '../tokenizer/tokenizer-golden.js'
import { type HeldLanguage, LANGUAGES, modelOf } from './held-text.js'

const [OPEN, CLOSE] = ['<think>', '</think>']
/** A template with a switch as Qwen3's, which closes an empty block where thinking is off. */
const TEMPLATE = `{% for message in messages %}{{ message.content }}{% endfor %}{% if add_generation_prompt %}>
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif %}{% endif %}`

/** A model of thoughts whose marks are tokens that are special, or that are text. */
async function thinker(special: boolean) {
  const json = trained('llama3')
  const marks = [OPEN, CLOSE].map((content, i) => ({
    ...json.added_tokens![0],
    id: 521 + i,
    content,
    special,
  }))
  const tokenizer = await loadTokenizer({
    tokenizerJson: { ...json, added_tokens: [...json.added_tokens!, ...marks] },
    tokenizerConfig: { chat_template: TEMPLATE },
  })
  return modelOf(tokenizer, [1, 2], 'thinker')
}

const MODELS = [await thinker(true), await thinker(false)]
const CHAT: Prompt = [{ role: 'user', content: 'Say: ' }]
const BEGUN = `Say: ${OPEN}`
/** Has the model open a block where it may. */
const OPENING = { sequence_bias: [[[521], 60]] as [number[], number][] }

/** Generates, and gives the thought, undefined where there is none, and the answer, which has to be the value. */
async function thought(
  model: (typeof MODELS)[number],
  language: HeldLanguage,
  prompt: Prompt,
  settings: GenerationSettings,
  options: GenerateOptions = {},
) {
  const result = await generate(model, prompt, { ...language.settings, ...settings }, options).result()
  return result.sequences.map(({ ids, value, finish_reason }) => {
    const text = (typeof prompt === 'string' ? OPEN : '') + model.tokenizer.decode(ids)
    const isThought = text.startsWith(OPEN)
    const end = isThought ? text.indexOf(CLOSE) : -1
    if (isThought) expect(end, text).toBeGreaterThan(0)
    const answer = text.slice(end < 0 ? 0 : end + CLOSE.length).replace(/<\|\w+\|>$/, '')
    expect(language.has(answer), JSON.stringify({ text, settings })).toBe(true)
    expect(value).toEqual(language.parse ? language.parse(answer) : answer)
    expect(finish_reason).toMatch(/eos|length/)
    return { ids, thought: isThought ? text.slice(OPEN.length, end) : undefined }
  })
}

describe.each([
  ['special tokens', MODELS[0]],
  ['text', MODELS[1]],
])('a language begins after thinking whose marks are %s', (_, model) => {
  const HOW: Readonly<Record<string, readonly [GenerationSettings, GenerateOptions?]>> = {
    greedily: [{}],
    drawn: [{ do_sample: true, seed: 1, num_return_sequences: 3 }],
    beams: [{ num_beams: 3, num_return_sequences: 2 }],
    drafted: [{}, { createDrafter: tokenRecycling({ size: 9, depth: 3, eosTokenIds: [1, 2] }) }],
    bounded: [{ thinking_budget: 3, thinking_waits: 1, thinking_wait_text: 'Hm' }],
  }

  test.each(Object.entries(HOW))('%s', async (name, [settings, options]) => {
    const turn = Object.keys(HOW).indexOf(name)
    for (const language of Object.values(LANGUAGES).filter((_, i) => (i + turn) % 3 === 0)) {
      const room = { max_new_tokens: 60, ...settings }
      for (const { thought: begun } of await thought(model, language, BEGUN, room, options)) {
        expect(begun?.length).toBeGreaterThan(0)
        if (name === 'bounded') expect(model.tokenizer.encode(begun!).length).toBeLessThan(12)
      }
      for (const { thought: opened } of await thought(
        model,
        language,
        CHAT,
        { ...room, ...OPENING },
        options,
      )) {
        expect(opened).toBeDefined()
      }
      const unopened = await thought(model, language, CHAT, { ...room, bad_words: [OPEN] }, options)
      for (const { thought: none } of unopened) expect(none).toBeUndefined()
    }
  })

  test('none is opened where thinking is off, or the prompt is no chat', async () => {
    const settings = { max_new_tokens: 40, ...OPENING }
    const off = await thought(model, LANGUAGES.numbers, CHAT, { ...settings, enable_thinking: false })
    expect(off[0].thought).toBeUndefined()
    const ids = model.tokenizer.encode('Say: ')
    expect((await thought(model, LANGUAGES.numbers, ids, settings))[0].thought).toBeUndefined()
  })

  test('drafts change nothing of either', async () => {
    for (const prompt of [BEGUN, CHAT]) {
      for (const how of [{}, { do_sample: true, seed: 5 }]) {
        const settings = { max_new_tokens: 40, thinking_budget: 6, ...how, ...OPENING }
        const language = LANGUAGES['a record']
        const plain = await thought(model, language, prompt, settings)
        expect(await thought(model, language, prompt, { ...settings, prompt_lookup_num_tokens: 4 })).toEqual(
          plain,
        )
      }
    }
  })

  test('room is left for the answer, and less is refused', async () => {
    const language = LANGUAGES['a record']
    let served = 0
    for (let max_new_tokens = 5; served < 12; max_new_tokens++) {
      await thought(model, language, BEGUN, { do_sample: true, seed: max_new_tokens, max_new_tokens }).then(
        () => served++,
        (error) => expect(error.message).toMatch(/^The shortest text .* raise max_new_tokens/),
      )
    }
    for (const max_new_tokens of [18, 19, 20, 22, 25, 30]) {
      await thought(model, language, CHAT, { max_new_tokens, ...OPENING }).catch((error) =>
        expect(error.message).toMatch(/raise max_new_tokens/),
      )
    }
  })
})

test('marks in the answer are text', async () => {
  const quoted = `"${OPEN}x"`
  const language = { settings: { choices: [quoted] }, has: (text: string) => text === quoted }
  const settings = { max_new_tokens: 40, thinking_budget: 0 }
  const texts = await thought(MODELS[1], language, CHAT, { ...settings, bad_words: [OPEN] })
  expect(texts[0].thought).toBeUndefined()
})
