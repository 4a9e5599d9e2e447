import { fieldsOf, generationConfigSchema } from '../config/index.js'
import { excerpt, usageError } from '../errors.js'
import { readJsonIfThere, writeJson } from '../files.js'
import { isJsonObject } from '../json.js'
import type { Written } from './output.js'
import type { OutputFile } from './output-file.js'
import { recordPath } from './record-path.js'
import { isRowId, type RowId } from './row.js'

/** Something that is known by its content, wherever it lies. */
export interface Identity {
  readonly name: string
  readonly fingerprint: string
}

/** Origin of a run: what its texts follow from, beside its rows. A field that was not given is undefined. */
export interface Origin {
  /** Version. */
  readonly llm: string
  readonly model: Identity
  readonly dtype: string
  readonly device: string
  /** From which the rows' seeds follow. */
  readonly seed: number
  /** As resolved for a row without any of its own. */
  readonly settings: Readonly<Record<string, unknown>>
  /** SHA-256 of the template; null where prompts are taken as they are. */
  readonly chat_template: string | null
  readonly system?: string
  readonly negative_prompt?: string
  readonly logprobs?: number
  /** The command that chooses among samples. */
  readonly scorer?: string
  /** Attempts after the first, and the command that judges answers. */
  readonly retries?: number
  readonly validate?: string
  readonly strategy?: Identity
  readonly assistant_model?: Identity
  readonly amateur_model?: Identity
  readonly medusa_heads?: Identity
  readonly mtp_modules?: Identity
  /** The name of a strategy that drafts, where nothing else says it. */
  readonly drafter?: string
  readonly lookup?: boolean
}

/** A run that has written rows: all that are there, or `rows` where a later one of another origin has written more. */
export interface RecordedRun {
  /** Null of an output that was found without a record. */
  readonly origin: Origin | null
  readonly rows?: readonly RowId[]
}

/**
 * The runs that have written an output, by its side file; undefined where there is none.
 * @throws UserError, exit code 2, for a side file of another kind
 */
export async function readRecord(output: OutputFile): Promise<readonly RecordedRun[] | undefined> {
  const path = recordPath(output.path)
  const found = (await readJsonIfThere(path)) as { runs?: unknown } | undefined
  if (found === undefined) return undefined
  const { runs } = found ?? {}
  if (Array.isArray(runs) && runs.length > 0 && runs.every(isRun)) return runs
  throw usageError(`${path} is not what this command writes beside an output: name another output.`)
}

function isRun(run: unknown): boolean {
  if (!isJsonObject(run)) return false
  const { origin, rows = [] } = run
  if (!Array.isArray(rows) || !rows.every(isRowId)) return false
  return origin === null || (isJsonObject(origin) && isJsonObject(origin.settings))
}

/**
 * Lets a run of this origin write to an output, and records it beside the output.
 * @param anyway takes rows of another origin, or of an unknown one, as they are
 * @throws UserError, exit code 2, naming all by which the rows that are there differ from what the run would write
 */
export async function admit(
  output: OutputFile,
  record: readonly RecordedRun[] | undefined,
  origin: Origin,
  anyway: boolean,
): Promise<void> {
  const runs = output.written.size > 0 ? (record ?? [{ origin: null }]) : []
  const latest = runs.at(-1)
  const differences = latest?.origin ? differencesOf(latest.origin, origin, output.written) : []
  if (!anyway) refuse(output, latest, differences)
  const isSame = latest?.origin && differences.length === 0
  const earlier = withRows(isSame ? runs.slice(0, -1) : runs, output.written)
  output.assertHeld()
  await writeJson(recordPath(output.path), { runs: [...earlier, { origin }] })
}

function refuse(
  { path, written }: OutputFile,
  latest: RecordedRun | undefined,
  differences: readonly Difference[],
): void {
  if (latest?.origin === null) {
    const rows = written.size === 1 ? 'a row' : `${written.size} rows`
    throw usageError(
      `${path} has ${rows}, and ${recordPath(path)}, which would say what wrote them, is not there: name another file, or go on with --continue-anyway.`,
    )
  }
  const told = differences.filter(({ isHarmless }) => !isHarmless).map(({ text }) => text)
  if (told.length === 0) return
  throw usageError(
    `The rows of ${path} were written otherwise: ${told.join('; ')}. Go on with the same, name another file, or mix them with --continue-anyway.`,
  )
}

/** The runs that have rows in the output, each with these: what was taken away to be tried again is the new run's. */
function withRows(
  runs: readonly RecordedRun[],
  written: ReadonlyMap<string, Written>,
): readonly RecordedRun[] {
  const listed = new Set(runs.flatMap(({ rows = [] }) => rows.map((id) => JSON.stringify(id))))
  // Errors of lines that are no rows have no id, and no run would give them another text.
  const keys = [...written.keys()].filter((key) => !key.startsWith('line '))
  const rest = keys.filter((key) => !listed.has(key)).map((key) => JSON.parse(key) as RowId)
  return runs
    .map(({ origin, rows }) => ({
      origin,
      rows: rows ? rows.filter((id) => written.has(JSON.stringify(id))) : rest,
    }))
    .filter(({ rows }) => rows.length > 0)
}

interface Difference {
  readonly text: string
  /** Whether texts stay what they are. */
  readonly isHarmless: boolean
}

/** How drafts are made, which float32 leaves texts as they are under; first those that never depend on chance. */
const LOOKUP = ['prompt_lookup_num_tokens', 'max_matching_ngram_size', 'drafter', 'lookup']
const DRAFTS = [
  ...fieldsOf('assisted generation').filter((field) => field !== 'assistant_ensemble_weight'),
  ...LOOKUP,
  'assistant_model',
  'medusa_heads',
  'mtp_modules',
]

function differencesOf(
  before: Origin,
  now: Origin,
  written: ReadonlyMap<string, Written>,
): readonly Difference[] {
  const [were, are] = [flat(before), flat(now)]
  const isExact = before.dtype === 'fp32' && now.dtype === 'fp32'
  // Drafts of a model are drawn where tokens are.
  const isDrawn = [before, now].some(({ settings }) => settings.do_sample === true)
  const isHarmless = (name: string): boolean => {
    if (name === 'seed') return [...written.values()].every(({ seed }) => seed === undefined)
    if (name === 'device' || LOOKUP.includes(name)) return isExact
    return isExact && !isDrawn && DRAFTS.includes(name)
  }
  return [...new Set([...were.keys(), ...are.keys()])].flatMap((name) => {
    const [was, is] = [were.get(name), are.get(name)]
    if (keyOf(was) === keyOf(is)) return []
    return [{ text: difference(name, was, is), isHarmless: isHarmless(name) }]
  })
}

/** Settings that came into being after a record was written were what they are by default. */
function flat({ settings, ...origin }: Origin): ReadonlyMap<string, unknown> {
  const defaults = generationConfigSchema.parse({})
  return new Map<string, unknown>([
    ...Object.entries(origin),
    ...Object.entries({ ...defaults, ...settings }),
  ])
}

/** Key by which two values are the same. */
function keyOf(value: unknown): string | undefined {
  return JSON.stringify(isIdentity(value) ? value.fingerprint : value)
}

function isIdentity(value: unknown): value is Identity {
  return typeof (value as Identity | null | undefined)?.fingerprint === 'string'
}

function difference(name: string, was: unknown, is: unknown): string {
  if (name === 'chat_template' && was !== null && is !== null) return 'the chat template is another one'
  if (isIdentity(was) && isIdentity(is) && was.name === is.name) return `${name} ${is.name} has changed`
  return `${name} was ${shown(was)}, is ${shown(is)}`
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'not set'
  if (isIdentity(value)) return value.name
  const text = typeof value === 'string' && /^[\w.+-]+$/.test(value) ? value : JSON.stringify(value)
  return excerpt(text, 60)
}
