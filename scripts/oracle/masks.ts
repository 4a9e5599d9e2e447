/**
 * Judges masks of schemas by what they promise (`test/grammar/mask-oracle.ts`), with ajv as the judge of values.
 *
 *     npx tsx scripts/oracle/masks.ts --ajv DIR [--tokenizer PATH]... [--maskbench FILE] [--every N] [--random N] [--states N]
 *         [--seed 1] [--only ID] [--list]
 *
 * DIR has the packages ajv, ajv-formats and ajv-draft-04 in its node_modules. PATH is a model, a GGUF file or a directory with a
 * `tokenizer.json`; by default the built-in model. FILE has schemas with instances as `bench/structured.ts` reads them, of which each N-th is
 * taken, and --random draws so many schemas of all keywords. Each is compiled as `llm generate` does, and as MaskBench is read: in any
 * order, with any spelling and Python's spaces. What follows from a schema follows from its own seed: `--only ID` looks at it alone. Prints
 * counts, and with --list all faults; exits 1 if there is any.
 */
import { parseArgs } from 'node:util'
import { table } from '../../bench/common.js'
import { AjvJudges } from '../../bench/constrained/ajv.js'
import { linesOf, pythonText } from '../../bench/structured/workload.js'
import { GrammarLimitError } from '../../src/grammar/limits.js'
import { TokenMasks } from '../../src/grammar/masks.js'
import { compileSchema, type SchemaOptions, validate } from '../../src/grammar/schema/index.js'
import { isArray, isObject, type Json, jsonText, readJson } from '../../src/grammar/schema/json.js'
import { type GrammarTokens, grammarTokens } from '../../src/grammar/tokens.js'
import { BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { loadTokenizerOf } from '../../src/language-model/tokenizer.js'
import { createRandom, forkSeed } from '../../src/random.js'
import { MaskOracle } from '../../test/grammar/mask-oracle.js'
import { Draws } from '../../test/grammar/schema/random-schema.js'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    ajv: text,
    tokenizer: { ...text, multiple: true, default: [BUILT_IN_DIRECTORY] },
    maskbench: text,
    every: { ...text, default: '1' },
    random: { ...text, default: '0' },
    states: { ...text, default: '6' },
    seed: { ...text, default: '1' },
    only: text,
    list: { type: 'boolean', default: false },
  },
})
if (values.ajv === undefined) throw new Error('--ajv needs a directory with the package ajv.')
const judges = new AjvJudges(values.ajv)

interface Case {
  readonly id: string
  readonly seed: number
  /** JSON text. */
  readonly schema: string
  /** Instances that are to be valid. */
  readonly instances: readonly Json[]
}

const MODES: Readonly<Record<string, SchemaOptions & { readonly write: (value: Json) => string }>> = {
  default: { write: jsonText },
  'any order and spelling': { order: 'any', anySpelling: true, whitespace: 'python', write: pythonText },
}

function cases(): Case[] {
  const { maskbench, only } = values
  const seed = Number(values.seed)
  const all: Case[] = []
  for (const [i, line] of (maskbench ? linesOf(maskbench) : []).entries()) {
    if (i % Number(values.every) !== 0) continue
    const fields = readJson(line, 'The line') as ReadonlyMap<string, Json>
    const tests = (fields.get('tests') ?? []) as readonly ReadonlyMap<string, Json>[]
    const valid = tests.filter((each) => each.get('valid') === true).map((each) => each.get('data')!)
    const id = fields.get('id') as string
    all.push({ id, seed: forkSeed(seed, i + 1), schema: jsonText(fields.get('schema')!), instances: valid })
  }
  for (let i = 0; i < Number(values.random); i++) {
    const own = forkSeed(seed, 2 ** 20 + i)
    const draws = new Draws(own, 'all')
    const schema = JSON.stringify(draws.document(3))
    const instances = draws.list(20, 20, () => readJson(JSON.stringify(draws.value(3)), 'The value'))
    all.push({ id: `random ${i}`, seed: own, schema, instances })
  }
  return only === undefined ? all : all.filter(({ id }) => id === only)
}

/** A value with the names of its objects in the order in which the schema's text first has them, others last. */
function ordered(value: Json, places: ReadonlyMap<string, number>): Json {
  if (isArray(value)) return value.map((item) => ordered(item, places))
  if (!isObject(value)) return value
  const place = (name: string) => places.get(name) ?? Infinity
  const members = [...value].map(([name, member]) => [name, ordered(member, places)] as const)
  return new Map(members.sort(([a], [b]) => (place(a) === place(b) ? 0 : place(a) - place(b))))
}

function placesOf(schema: Json): Map<string, number> {
  const places = new Map<string, number>()
  const visit = (value: Json): void => {
    if (isArray(value)) value.forEach(visit)
    if (!isObject(value)) return
    for (const [name, member] of value) {
      if (!places.has(name)) places.set(name, places.size)
      visit(member)
    }
  }
  visit(schema)
  return places
}

/** Cuts of an instance into tokens. */
const CUTS = 4

/** Counts of what came of a schema, beside the oracle's own. */
type Ending = 'schemas' | 'refused' | 'unknown to ajv' | 'over a limit'

function look(one: Case, mode: string, tokens: GrammarTokens, oracle: MaskOracle): Ending {
  const { write, ...options } = MODES[mode]
  const judge = judges.of(one.schema)
  if (!judge) return 'unknown to ajv'
  let automaton: ReturnType<typeof compileSchema>
  try {
    automaton = compileSchema(one.schema, options)
  } catch {
    return 'refused'
  }
  const places = placesOf(readJson(one.schema, 'The schema'))
  const written = one.instances.map((value) =>
    write(options.order === 'any' ? value : ordered(value, places)),
  )
  const judged = { automaton, masks: new TokenMasks(automaton, tokens), judge }
  try {
    const valid = [...new Set(written)].filter((each) => validate(automaton, each))
    oracle.states(judged, valid, Number(values.states))
    for (const each of valid) for (let cut = 0; cut < CUTS; cut++) oracle.pieces(judged, each)
    oracle.room(judged)
  } catch (error) {
    if (!(error instanceof GrammarLimitError)) throw error
    return 'over a limit'
  }
  return 'schemas'
}

const all = cases()
let faults = 0
const rows: string[][] = []
let heads: string[] = []
for (const path of values.tokenizer) {
  const tokens = grammarTokens(await loadTokenizerOf(path))
  for (const mode of Object.keys(MODES)) {
    const endings: Record<Ending, number> = { schemas: 0, refused: 0, 'unknown to ajv': 0, 'over a limit': 0 }
    const counts: Record<string, number> = {}
    const oracle = new MaskOracle(tokens, () => random())
    let random = createRandom(0)
    for (const one of all) {
      random = createRandom(one.seed)
      const before = oracle.faults.length
      endings[look(one, mode, tokens, oracle)]++
      const own = oracle.faults.slice(before)
      faults += own.length
      for (const { kind } of own) counts[kind] = (counts[kind] ?? 0) + 1
      if (own.length > 0 && values.list) {
        console.log(`${one.id}, ${mode}, ${path}: ${own.length}\n    ${one.schema.slice(0, 2_000)}`)
        for (const fault of own.slice(0, 3)) console.log(`    ${JSON.stringify(fault)}`)
      }
    }
    const told = { ...endings, ...oracle.counts, faults: oracle.faults.length }
    heads = ['tokenizer', 'mode', ...Object.keys(told)]
    rows.push([path.split('/').at(-1)!, mode, ...Object.values(told).map(String)])
    console.error(`${path}, ${mode}: ${JSON.stringify(told)} ${JSON.stringify(counts)}`)
  }
}
console.log(`Seed ${values.seed}\n\n${table(heads, rows)}`)
process.exitCode = faults > 0 ? 1 : 0
