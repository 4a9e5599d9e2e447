/**
 * Has a model write the texts from which heads, drafts and other models learn (self-distillation).
 *
 *     npx tsx scripts/write-texts.ts PROMPTS.jsonl OUT.jsonl --model MODEL [--as messages|completion|text] [--answers 16]
 *         [--max-new-tokens 256] [--temperature 0.7] [--top-p 0.9] [--seconds N] [--dtype fp32] [--seed 1]
 *
 * PROMPTS has a `prompt`, a `question` or MT-bench's `turns` a line. Each gets so many sampled answers, side by side in one
 * cache; those that reach their end are kept, a line each, `--as` a chat of the model's template, as a `prompt` with its
 * `completion`, or as a `text` of the answer alone. Stops after the prompts or so many seconds, and goes on after the last
 * prompt that OUT has. Answer i of prompt n is drawn with a seed that follows from --seed, n and i.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { generate, type LoadOptions, loadModel, type Prompt } from '../src/index.js'
import { forkSeed } from '../src/random.js'

const text = { type: 'string' } as const
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    model: text,
    as: { ...text, default: 'messages' },
    answers: { ...text, default: '16' },
    'max-new-tokens': { ...text, default: '256' },
    temperature: { ...text, default: '0.7' },
    'top-p': { ...text, default: '0.9' },
    seconds: { ...text, default: 'Infinity' },
    dtype: { ...text, default: 'fp32' },
    seed: { ...text, default: '1' },
  },
})

const forms = {
  messages: (prompt: string, answer: string) => ({
    messages: [
      { role: 'user', content: prompt },
      { role: 'assistant', content: answer },
    ],
  }),
  completion: (prompt: string, answer: string) => ({ prompt, completion: answer }),
  text: (prompt: string, answer: string) => ({ text: isChat ? answer.trim() : prompt + answer }),
}
const form = forms[values.as as keyof typeof forms]
if (!form || !values.model || positionals.length !== 2) {
  console.error(
    'Usage: write-texts.ts PROMPTS.jsonl OUT.jsonl --model MODEL [--as messages|completion|text] …',
  )
  process.exit(2)
}

const lines = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line))
const [source, out] = positionals
const prompts: string[] = lines(source).map(({ prompt, question, turns }) => prompt ?? question ?? turns[0])
const first = existsSync(out) ? 1 + (lines(out).at(-1)?.index ?? -1) : 0

const model = await loadModel(values.model, {
  dtype: values.dtype as LoadOptions['dtype'],
  device: 'cpu',
  manySequences: true,
})
const isChat = model.tokenizer.chatTemplate !== undefined
const begun = performance.now()
let tokens = 0
for (let index = first; index < prompts.length; index++) {
  const prompt: Prompt = isChat ? [{ role: 'user', content: prompts[index] }] : prompts[index]
  const { sequences } = await generate(model, prompt, {
    do_sample: Number(values.temperature) > 0,
    ...(Number(values.temperature) > 0
      ? { temperature: Number(values.temperature), top_p: Number(values['top-p']), top_k: 0 }
      : {}),
    num_return_sequences: Number(values.answers),
    max_new_tokens: Number(values['max-new-tokens']),
    seed: Math.floor(forkSeed(Number(values.seed), index) % 2 ** 32),
  }).result()
  tokens += sequences.reduce((sum, { ids }) => sum + ids.length, 0)
  // A base model has no end that it must reach.
  const whole = sequences.filter(({ finish_reason }) => !isChat || finish_reason === 'eos')
  const rows = whole.map((sequence) => ({ index, ...form(prompts[index], sequence.text) }))
  if (rows.length > 0) appendFileSync(out, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const seconds = (performance.now() - begun) / 1000
  console.error(
    `${index + 1} of ${prompts.length} prompts, ${tokens} tokens, ${Math.round(tokens / seconds)} tok/s`,
  )
  if (seconds > Number(values.seconds)) break
}
await model.dispose()
