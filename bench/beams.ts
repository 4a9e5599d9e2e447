/**
 * Beam search as one token tree against the same beams as rows of a batch, and against HF transformers.
 *
 *     npx tsx bench/beams.ts --model DIR [--python PATH]
 *
 * DIR has float32 safetensors in HF layout (bench/prepare.py makes it: OUT/hf); PATH is a Python with torch and
 * transformers. The sides take turns, each with all threads, one at a time; ratios are of sides in the same round.
 * All generate exactly as many tokens, since none may end earlier.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { loadModel, openModel } from '../src/language-model/load.js'
import { markdown, type Setting } from './beams/report.js'
import type { Run, Side, Task } from './beams/side.js'
import { ourSide } from './beams/side-ours.js'
import { repeatedRowsSide } from './beams/side-repeated-rows.js'
import { transformersSide } from './beams/side-transformers.js'
import { header, positive } from './common.js'

const DEFAULT_TEXT = new URL('./beams/prompt.txt', import.meta.url)
const WARM_UP_TOKENS = 4

interface Options {
  readonly model: string
  readonly python: string
  readonly text: string | URL
  readonly beams: readonly number[]
  readonly prompts: readonly number[]
  readonly tokens: number
  readonly rounds: number
  readonly threads: number
  readonly json: string | undefined
}

function options(): Options {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      model: text,
      python: { ...text, default: 'python3' },
      text,
      beams: { ...text, default: '4,8' },
      prompts: { ...text, default: '64,512' },
      tokens: { ...text, default: '64' },
      rounds: { ...text, default: '3' },
      threads: { ...text, default: String(availableParallelism()) },
      json: text,
    },
  })
  if (!values.model) throw new Error('Give a directory with float32 safetensors: --model DIR.')
  const { model, python, json } = values
  const list = (name: 'beams' | 'prompts') => values[name].split(',').map((part) => positive(name, part))
  return {
    model,
    python,
    json,
    text: values.text ?? DEFAULT_TEXT,
    beams: list('beams'),
    prompts: list('prompts'),
    tokens: positive('tokens', values.tokens),
    rounds: positive('rounds', values.rounds),
    threads: positive('threads', values.threads),
  }
}

interface Loaded {
  readonly sides: readonly Side[]
  readonly eosTokenIds: readonly number[]
  /** Of the text, one of each length that is asked for, cut to what the model can hold. */
  readonly prompts: readonly (readonly number[])[]
}

async function load({ model, python, text, prompts: lengths, tokens, threads }: Options): Promise<Loaded> {
  const ours = await loadModel(model, { dtype: 'fp32', device: 'cpu', threads })
  const { spec, store } = await openModel(model)
  const rows = await repeatedRowsSide(spec, store, threads)
  await store.close()
  const peer = await transformersSide(python, model, threads).catch((error: Error) => {
    console.log(`Left out: transformers, as it cannot be started with --python ${python} (${error.message}).`)
  })
  const { tokenizer } = ours
  const ids = tokenizer.encode(await readFile(text, 'utf8'))
  const cut = new Set(lengths.map((length) => Math.min(length, spec.maxPositions - tokens)))
  return {
    sides: [ourSide(ours), rows, ...(peer ? [peer] : [])],
    eosTokenIds: tokenizer.eosTokenIds,
    prompts: [...cut].map((length) => repeated(ids, length)),
  }
}

function repeated(ids: readonly number[], length: number): number[] {
  if (ids.length === 0) throw new Error('The text has no tokens: give another one with --text FILE.')
  return Array.from({ length }, (_, i) => ids[i % ids.length])
}

async function measure(task: Task, sides: readonly Side[], rounds: number): Promise<Setting> {
  for (const side of sides) await side.run({ ...task, newTokens: WARM_UP_TOKENS })
  const measured = sides.map((side) => ({ side, rounds: [] as Run[] }))
  for (let round = 0; round < rounds; round++) {
    // Every other round backwards, so that no side always follows the same one.
    for (const { side, rounds } of round % 2 === 0 ? measured : measured.toReversed()) {
      const run = await side.run(task)
      check(side, run, task)
      rounds.push(run)
    }
    console.error(`${task.beams} beams, prompt of ${task.prompt.length}: round ${round + 1} of ${rounds}`)
  }
  const { beams, newTokens, prompt } = task
  const named = measured.map(({ side, rounds }) => ({ name: side.name, rounds }))
  return { beams, promptLength: prompt.length, newTokens, sides: named }
}

/** So that no side is fast for doing less. */
function check({ name }: Side, { tokens, passes }: Run, { newTokens }: Task): void {
  if (tokens.length === newTokens && passes === newTokens) return
  throw new Error(`${name} made ${tokens.length} tokens in ${passes} passes instead of ${newTokens}.`)
}

async function main(): Promise<void> {
  const chosen = options()
  const { sides, prompts, eosTokenIds } = await load(chosen)
  const head = header(
    'beams.ts',
    ...sides.map(({ name, description }) => `${name}: ${description}`),
    `fp32, ${chosen.tokens} new tokens, ${chosen.rounds} rounds, ${chosen.threads} threads; no seed: nothing is drawn`,
  )
  const settings: Setting[] = []
  for (const prompt of prompts) {
    for (const beams of chosen.beams) {
      const task = { prompt, beams, newTokens: chosen.tokens, eosTokenIds }
      settings.push(await measure(task, sides, chosen.rounds))
    }
  }
  for (const side of sides) await side.dispose()
  console.log(`${head.join('  \n')}\n\n${markdown(settings)}`)
  if (chosen.json)
    await writeFile(chosen.json, `${JSON.stringify({ header: head, settings }, undefined, 1)}\n`)
}

await main()
