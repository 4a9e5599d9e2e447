import { resolve, sep } from 'node:path'
import { readComparison } from '../../compare/read.js'
import {
  findRegressions,
  type NamedComparison,
  type Regression,
  strategyOf,
} from '../../compare/regressions.js'
import { asMarkdown, asText } from '../../compare/render.js'
import { UserError, usageError } from '../../errors.js'
import { requireWritableFile, STDIO, unwritable, writeFileWhole, writeJson } from '../../files.js'
import { incomparable } from '../../report/changes.js'
import type { Comparison } from '../../report/comparison.js'
import { comparisonPage } from '../../report/comparison-page.js'

/** Where a comparison is written. */
export interface ReportFlags {
  readonly output?: string
  readonly markdown?: string
  readonly html?: string
}

/** What `llm compare --from … --json` prints. */
export interface ComparedRuns {
  readonly comparisons: readonly Comparison[]
  readonly regressions: readonly Regression[]
}

/** @throws UserError for what could not be written in the end: a directory that is not there, or that cannot be written to */
export async function requireWritable(flags: ReportFlags, json: boolean): Promise<void> {
  const { output, markdown, html } = flags
  if (json && markdown === STDIO) {
    throw usageError('--json and --markdown - would both go to stdout: write one to a file.')
  }
  if (output === STDIO || html === STDIO) {
    throw usageError('--output and --html are files: --json writes the comparison to stdout.')
  }
  const files = [output, markdown, html].flatMap((file) => file ?? []).filter((file) => file !== STDIO)
  const twice = files.find((file, i) => files.some((other, j) => j < i && resolve(other) === resolve(file)))
  if (twice !== undefined) throw usageError(`Two reports would be written to ${twice}: name two files.`)
  for (const file of files) await requireWritableFile(file)
}

/** What became of the reports. */
export interface WrittenReports {
  /** What a reader of stdout is shown. */
  readonly shown: string
  /** Why some could not be written. */
  readonly failures: readonly UserError[]
}

/**
 * Writes the reports that are asked for. What was measured is not lost where one cannot be written: without `output` on the
 * disk, it is shown as JSON.
 */
export async function writeReports(
  comparisons: readonly NamedComparison[],
  flags: ReportFlags,
): Promise<WrittenReports> {
  const { output, markdown, html } = flags
  const [{ comparison }] = comparisons
  const failures: UserError[] = []
  const attempt = async (file: string | undefined, write: (file: string) => Promise<void>) => {
    if (file === undefined || file === STDIO) return
    try {
      await write(file)
    } catch (error) {
      failures.push(error instanceof UserError ? error : unwritable(file, error))
    }
  }
  await attempt(output, (file) => writeJson(file, comparison))
  const isKept = output !== undefined && failures.length === 0
  await attempt(html, (file) =>
    writeFileWhole(file, comparisonPage(comparisons.map((each) => each.comparison))),
  )
  await attempt(markdown, (file) => writeFileWhole(file, asMarkdown(comparisons)))
  if (failures.length > 0 && !isKept && comparisons.length === 1) {
    return { shown: JSON.stringify(comparison, null, 2), failures }
  }
  const shown = markdown === STDIO ? asMarkdown(comparisons).trimEnd() : asText(comparisons)
  return { shown, failures }
}

/**
 * Earlier comparisons, by what tells the names of their files apart.
 * @throws UserError as `readComparison`, exit code 2 for one file, and for files without a strategy in common
 */
export async function readComparisons(files: readonly string[]): Promise<NamedComparison[]> {
  if (new Set(files.map((file) => resolve(file))).size < files.length)
    throw usageError('--from names a file twice: leave one out.')
  const names = distinctTails(files)
  const comparisons: NamedComparison[] = []
  for (const [i, file] of files.entries())
    comparisons.push({ name: names[i], comparison: await readComparison(file) })
  const [first, ...later] = comparisons
  for (const { name, comparison } of later) {
    const hasCommon = comparison.strategies.some((strategy) => strategyOf(first.comparison, strategy.name))
    if (!hasCommon)
      throw usageError(`${name} has no strategy of a name that ${first.name} has: nothing can be compared.`)
  }
  return comparisons
}

/** @throws UserError, exit code 2, for a comparison that cannot be held against the first */
export function requireComparable([first, ...later]: readonly NamedComparison[]): void {
  for (const { name, comparison } of later) {
    const other = incomparable(first.comparison, comparison)
    if (other.length === 0) continue
    throw usageError(
      `--fail-on-regression has nothing to say of ${name}, which differs from ${first.name} in ${other.join(' and ')}: leave it out.`,
    )
  }
}

/** The ends of paths, of as many names each as tell them apart. */
export function distinctTails(paths: readonly string[]): string[] {
  const parts = paths.map((path) => resolve(path).split(sep))
  const longest = Math.max(...parts.map(({ length }) => length))
  for (let count = 1; count < longest; count++) {
    const tails = parts.map((part) => part.slice(-count).join(sep))
    if (new Set(tails).size === tails.length) return tails
  }
  return [...paths]
}

export function comparedRuns(comparisons: readonly NamedComparison[]): ComparedRuns {
  return {
    comparisons: comparisons.map(({ comparison }) => comparison),
    regressions: findRegressions(comparisons),
  }
}
