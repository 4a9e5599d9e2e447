/**
 * Text held to languages: what drafts of forced text save, what masks cost, and whether every text is valid for each length.
 *
 *     npx tsx bench/constrained.ts [--model MODEL] [--dtype fp32] [--threads N] [--schemas N] [--prompts N] [--tokens 128] [--repeats 3]
 *         [--limits N] [--parts schemas,free,validity] [--ajv DIR] [--json OUT]
 *
 * For each of 30 schemas (`constrained/workload.ts`), and of the languages in which nothing is forced, each prompt is answered greedily
 * with and without drafts of forced text, in turns, and of each side the fastest of --repeats runs counts. Ratios are of a prompt's
 * whole time, its reading included, without drafts over with them. Time of masks is taken around `Grammar.maskOf`: in the runs without drafts,
 * over all tokens, and in the first run of a pair, in which masks of a language are made. Then each text is written with each `max_new_tokens`
 * from the least that its schema allows upwards: --limits of them, one by one up to 16 more than the least, and then doubled up to 256. It has to be
 * complete and valid by ajv, which is a package in the node_modules of DIR. A model with a chat template is told of the schema.
 */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { generate } from '../src/generation/generate.js'
import type { GenerationResult } from '../src/generation/options.js'
import type { Prompt } from '../src/generation/prompt.js'
import { Grammar } from '../src/grammar/grammar.js'
import { compileSchema } from '../src/grammar/schema/index.js'
import { grammarTokens } from '../src/grammar/tokens.js'
import { BUILT_IN } from '../src/language-model/built-in.js'
import { type LanguageModel, loadModel } from '../src/language-model/load.js'
import type { RunType } from '../src/runtime/storage.js'
import { argmax } from '../src/strategies/choose.js'
import { draftVerify } from '../src/strategies/draft-verify.js'
import { follow } from '../src/strategies/verifiers.js'
import { header, positive } from './common.js'
import { AjvJudges } from './constrained/ajv.js'
import { MaskClock } from './constrained/mask-clock.js'
import { markdown, type Pair } from './constrained/report.js'
import { FORCED, FREE, PROMPTS, type Workload } from './constrained/workload.js'

const SEED = 0

const PARTS = ['schemas', 'free', 'validity']

function options() {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      model: { ...text, default: BUILT_IN },
      dtype: { ...text, default: 'fp32' },
      threads: { ...text, default: String(availableParallelism()) },
      schemas: { ...text, default: '30' },
      prompts: { ...text, default: '10' },
      tokens: { ...text, default: '128' },
      repeats: { ...text, default: '3' },
      limits: { ...text, default: '21' },
      parts: { ...text, default: 'schemas,free,validity' },
      ajv: text,
      json: text,
    },
  })
  const { model, ajv, json } = values
  const parts = values.parts.split(',')
  const unknown = parts.find((part) => !PARTS.includes(part))
  if (unknown !== undefined) throw new Error(`--parts has ${PARTS.join(', ')}, and not ${unknown}.`)
  const [threads, schemas, prompts, tokens, repeats, limits] = (
    ['threads', 'schemas', 'prompts', 'tokens', 'repeats', 'limits'] as const
  ).map((name) => positive(name, values[name]))
  return {
    model,
    dtype: values.dtype as RunType,
    ajv,
    json,
    parts,
    threads,
    schemas,
    prompts,
    tokens,
    repeats,
    limits,
  }
}

type Options = ReturnType<typeof options>

const promptOf = ({ tokenizer }: LanguageModel, text: string): Prompt =>
  tokenizer.hasChatTemplate ? [{ role: 'user', content: text }] : text

/** Settings that all runs share: a model that was not taught to follow instructions is told of none. */
const common = ({ tokenizer }: LanguageModel) => ({
  do_sample: false,
  seed: SEED,
  schema_in_prompt: tokenizer.hasChatTemplate,
})

const SIDES = { plain: { strategy: draftVerify(undefined, follow(argmax)) }, forced: {} } as const
type SideName = keyof typeof SIDES

async function pairOf(
  model: LanguageModel,
  clock: MaskClock,
  [language, settings]: readonly [string, Workload[string]],
  prompt: string,
  { tokens, repeats }: Options,
): Promise<Pair> {
  const config = { ...common(model), ...settings, max_new_tokens: tokens }
  const fastest = new Map<SideName, GenerationResult>()
  const masks = { first: 0, last: 0 }
  let first: GenerationResult | undefined
  for (let repeat = 0; repeat < repeats; repeat++) {
    const order = Object.keys(SIDES) as SideName[]
    for (const side of repeat % 2 === 0 ? order : order.reverse()) {
      const { result, time } = await clock.of(() =>
        generate(model, promptOf(model, prompt), config, SIDES[side]).result(),
      )
      if (!first) masks.first = time
      first ??= result
      if (side === 'plain') masks.last = time
      const best = fastest.get(side)
      if (!best || result.statistics.total_time < best.statistics.total_time) fastest.set(side, result)
    }
  }
  const [plain, forced] = [fastest.get('plain')!, fastest.get('forced')!]
  return {
    language,
    plain: plain.statistics,
    forced: forced.statistics,
    isSame: plain.ids.join() === forced.ids.join(),
    masks,
    first: first!.statistics,
  }
}

/** `max_new_tokens` from the least upwards. */
function limitsFrom(least: number, count: number): number[] {
  const limits = Array.from({ length: 17 }, (_, i) => least + i)
  for (let limit = 32; limit <= 256; limit *= 2) if (limit > limits.at(-1)!) limits.push(limit)
  return limits.slice(0, count)
}

const NOT_JUDGED: Validity = { texts: 0, faults: [] }

interface Validity {
  texts: number
  readonly faults: string[]
}

async function judge(
  model: LanguageModel,
  {
    name,
    schema,
    least,
  }: { readonly name: string; readonly schema: Readonly<Record<string, unknown>>; readonly least: number },
  prompt: string,
  isValid: (text: string) => boolean | undefined,
  { limits }: Options,
  validity: Validity,
): Promise<void> {
  for (const limit of limitsFrom(least, limits)) {
    const config = { ...common(model), schema, max_new_tokens: limit }
    const { text } = await generate(model, promptOf(model, prompt), config).result()
    validity.texts++
    if (isValid(text) === false) validity.faults.push(`${name}, ${limit} tokens: ${text}`)
  }
}

/** Texts of all schemas. */
async function judgeAll(
  model: LanguageModel,
  prompts: readonly string[],
  options: Options,
): Promise<Validity> {
  const judges = options.ajv === undefined ? undefined : new AjvJudges(options.ajv)
  const validity: Validity = { texts: 0, faults: [] }
  const tokens = grammarTokens(model.tokenizer, { size: model.model.vocabSize })
  for (const [name, { schema }] of Object.entries(FORCED).slice(0, options.schemas)) {
    const source = JSON.stringify(schema)
    const automaton = compileSchema(source)
    const least = new Grammar(automaton, tokens).shortest(automaton.start)
    const isValid = judges?.of(source) ?? isJson
    for (const prompt of prompts)
      await judge(model, { name, schema, least }, prompt, isValid, options, validity)
    console.error(`${name}: ${validity.texts} texts, ${validity.faults.length} not valid`)
  }
  return validity
}

/** Whether a text is JSON, for want of ajv. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

async function main(): Promise<void> {
  const settings = options()
  console.log(
    `${header('constrained.ts', `Seed ${SEED}, nothing is drawn; ${settings.threads} threads`).join('  \n')}\n`,
  )
  if (!settings.ajv) console.log('Left out, without --ajv: whether values are valid, and not JSON alone.\n')
  const clock = new MaskClock()
  const model = await loadModel(settings.model, {
    dtype: settings.dtype,
    device: 'cpu',
    threads: settings.threads,
  })
  const prompts = PROMPTS.slice(0, settings.prompts)
  await generate(model, promptOf(model, prompts[0]), { max_new_tokens: 8 }).result()
  const report: Record<string, readonly Pair[]> = {}
  for (const [part, all] of Object.entries({ schemas: FORCED, free: FREE })) {
    if (!settings.parts.includes(part)) continue
    const pairs: Pair[] = []
    for (const language of Object.entries(all).slice(0, settings.schemas)) {
      for (const prompt of prompts) pairs.push(await pairOf(model, clock, language, prompt, settings))
      console.error(`${language[0]}: ${pairs.length} pairs`)
    }
    report[part] = pairs
    console.log(`${settings.model}, ${settings.dtype}:\n\n${markdown(`all ${part}`, pairs)}\n`)
  }
  const validity = settings.parts.includes('validity') ? await judgeAll(model, prompts, settings) : NOT_JUDGED
  if (validity !== NOT_JUDGED)
    console.log(`${validity.texts - validity.faults.length} of ${validity.texts} texts are valid.`)
  for (const fault of validity.faults.slice(0, 20)) console.log(fault)
  if (settings.json) await writeFile(settings.json, JSON.stringify({ settings, report, validity }, null, 2))
  await model.dispose()
  if (validity.faults.length > 0) process.exitCode = 1
}

await main()
