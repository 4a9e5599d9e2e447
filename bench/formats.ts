/**
 * Values of MaskBench's files in YAML, CSV and XML: round trips, and the time of masks beside those of JSON.
 *
 *     npx tsx bench/formats.ts --data FILE [--tokenizer DIR] [--every N] [--values 1000] [--seed 1]
 *
 * FILE as for bench/structured.ts. Each valid instance, until there are enough, is written in each format, read by the format's automaton
 * token by token under its masks, and parsed back by its reader; YAML by the package `yaml` in versions 1.1 and 1.2, too. All must give the
 * instance. Then a text is drawn under the masks of YAML, at random with the seed, and completed: `yaml` and the schema must accept it.
 * JSON and the formats are measured in turns.
 */
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { parse } from 'yaml'
import { type Automaton, DEAD } from '../src/grammar/automaton.js'
import { allows, idsOf } from '../src/grammar/mask.js'
import { advance, TokenMasks } from '../src/grammar/masks.js'
import { compileSchema, type SchemaAutomaton, validate } from '../src/grammar/schema/index.js'
import { type Json, type JsonObject, jsonText, readJson } from '../src/grammar/schema/json.js'
import { type SpelledFormat, spellingOf } from '../src/grammar/spelling/formats.js'
import { jsonOfSpelled } from '../src/grammar/spelling/reader.js'
import { SpelledAutomaton } from '../src/grammar/spelling/spelled.js'
import { grammarTokens } from '../src/grammar/tokens.js'
import { BUILT_IN_DIRECTORY } from '../src/language-model/built-in.js'
import { createRandom } from '../src/random.js'
import { loadTokenizer } from '../src/tokenizer/tokenizer.js'
import { header, positive, table } from './common.js'
import { digits } from './structured/report.js'
import { linesOf } from './structured/workload.js'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    data: text,
    tokenizer: { ...text, default: BUILT_IN_DIRECTORY },
    every: { ...text, default: '1' },
    values: { ...text, default: '1000' },
    seed: { ...text, default: '1' },
  },
})
const every = positive('every', values.every)
const most = positive('values', values.values)
const seed = positive('seed', values.seed)
if (values.data === undefined) throw new Error('--data needs a file of schemas.')

const FORMATS = ['json', 'yaml', 'csv', 'xml'] as const
type Format = (typeof FORMATS)[number]

/** Counts of a format. */
const counts = Object.fromEntries(
  FORMATS.map((format) => [
    format,
    { spelled: 0, without: 0, otherwise: 0, failed: 0, masks: [] as number[] },
  ]),
) as Record<Format, { spelled: number; without: number; otherwise: number; failed: number; masks: number[] }>
const drawn = { texts: 0, failed: 0 }
const failures: string[] = []
/** Tokens of a drawn text. */
const DRAWN_TOKENS = 40

const tokenizer = await loadTokenizer(values.tokenizer)
const tokens = await grammarTokens(tokenizer)
const random = createRandom(seed)

/** Reads a text under the masks; whether all of its tokens are allowed, and it may end. */
function readUnderMasks(automaton: Automaton, written: string, times: number[]): boolean {
  const masks = new TokenMasks(automaton, tokens)
  let state = automaton.start
  for (const token of tokenizer.encode(written, { addSpecialTokens: false })) {
    const before = performance.now()
    const mask = masks.maskOf(state)
    times.push(1000 * (performance.now() - before))
    state = allows(mask, token) ? advance(automaton, tokens.vocabulary, state, token) : DEAD
    if (state === DEAD) return false
  }
  return automaton.accepts(state)
}

function spelledBy(
  format: SpelledFormat,
  schema: string,
  json: SchemaAutomaton,
): SpelledAutomaton | undefined {
  try {
    const automaton = new SpelledAutomaton(spellingOf(format, schema), json)
    return automaton.start === DEAD ? undefined : automaton
  } catch {
    // CSV has no table for most values.
    return undefined
  }
}

function roundTrip(
  format: SpelledFormat,
  { automaton, schema }: { automaton: SpelledAutomaton; schema: SchemaAutomaton },
  json: string,
  id: string,
): void {
  const bytes = automaton.textOf(json)
  const written = bytes && Buffer.from(bytes).toString()
  if (written === undefined) {
    counts[format].without++
    return
  }
  counts[format].spelled++
  const wanted = JSON.parse(json)
  const isSame = (value: unknown) => isDeepStrictEqual(value, wanted)
  const isRead = readUnderMasks(automaton, written, counts[format].masks)
  const read = jsonOfSpelled(automaton, written)
  const isParsed =
    format !== 'yaml' || (['1.1', '1.2'] as const).every((version) => isSame(parse(written, { version })))
  if (isRead && read !== undefined && isSame(JSON.parse(read)) && isParsed) return
  // Where a schema leaves the type open, a cell or element is read as the first type that it can be.
  if (format !== 'yaml' && isRead && read !== undefined && validate(schema, read)) {
    counts[format].otherwise++
    return
  }
  counts[format].failed++
  failures.push(`${format} ${id}: ${JSON.stringify({ written, json, isRead, read, isParsed })}`)
}

function draw(automaton: SpelledAutomaton, json: SchemaAutomaton, id: string): void {
  const masks = new TokenMasks(automaton, tokens)
  const bytes: Buffer[] = []
  let state = automaton.start
  for (let i = 0; i < DRAWN_TOKENS; i++) {
    const ids = idsOf(masks.maskOf(state)).filter((token) => !tokens.ends.includes(token))
    if (ids.length === 0) break
    const token = ids[Math.floor(random() * ids.length)]
    bytes.push(Buffer.from(tokens.vocabulary.bytesOf(token)))
    state = advance(automaton, tokens.vocabulary, state, token)
  }
  const written = Buffer.concat([...bytes, automaton.completion(state)]).toString()
  drawn.texts++
  const parsed = (['1.1', '1.2'] as const).map((version) => parse(written, { version }))
  const read = jsonOfSpelled(automaton, written)
  const isValid = read !== undefined && validate(json, read)
  if (isValid && parsed.every((value) => isDeepStrictEqual(value, JSON.parse(read)))) return
  drawn.failed++
  failures.push(`drawn ${id}: ${JSON.stringify({ written, read })}`)
}

function measure(line: string): void {
  const fields = readJson(line, 'The line') as JsonObject
  const schema = jsonText(fields.get('schema')!)
  const id = fields.get('id') as string
  const tests = ((fields.get('tests') ?? []) as readonly JsonObject[]).filter(
    (test) => test.get('valid') === true,
  )
  for (const test of tests) {
    if (counts.yaml.spelled >= most) return
    const json = compact(test.get('data')!)
    const compiled = () => compileSchema(schema, { order: 'any', anySpelling: true })
    counts.json.spelled++
    if (!readUnderMasks(compiled(), json, counts.json.masks)) counts.json.failed++
    for (const format of ['yaml', 'csv', 'xml'] as const) {
      const judge = compiled()
      const automaton = spelledBy(format, schema, judge)
      if (automaton) roundTrip(format, { automaton, schema: judge }, json, id)
      else counts[format].without++
    }
    const strict = compileSchema(schema)
    const yaml = spelledBy('yaml', schema, strict)
    if (yaml) draw(yaml, strict, id)
  }
}

const compact = (value: Json) => JSON.stringify(JSON.parse(jsonText(value)))

for (const [i, line] of linesOf(values.data).entries()) {
  if (i % every !== 0 || counts.yaml.spelled >= most) continue
  try {
    measure(line)
  } catch (error) {
    failures.push(`${line.slice(0, 60)}: ${(error as Error).message}`)
  }
}

for (const line of header('formats.ts', `Seed ${seed}`)) console.log(line)
const quantile = (times: number[], at: number) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * at)] ?? 0
console.log(
  table(
    ['format', 'values', 'without a text', 'read otherwise', 'failed', 'masks', 'mean µs', 'median', 'p99'],
    FORMATS.map((format) => {
      const { spelled, without, otherwise, failed, masks } = counts[format]
      const mean = masks.reduce((sum, each) => sum + each, 0) / Math.max(1, masks.length)
      const times = [mean, quantile(masks, 0.5), quantile(masks, 0.99)].map((each) => digits(each))
      return [format, spelled, without, otherwise, failed, masks.length, ...times].map(String)
    }),
  ),
)
console.log(
  `${drawn.texts} texts drawn under the masks of YAML, ${drawn.failed} of them refused by yaml or the schema.`,
)
for (const failure of failures.slice(0, 20)) console.log(failure.slice(0, 600))
if (failures.length > 20) console.log(`… ${failures.length - 20} more`)
