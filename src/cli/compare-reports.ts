import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { readComparison } from '../compare/read.js'
import { findRegressions, type NamedComparison, type Regression, strategyOf } from '../compare/regressions.js'
import { asMarkdown, asText } from '../compare/render.js'
import { usageError } from '../errors.js'
import { writeFileWhole, writeJson } from '../files.js'
import type { Comparison } from '../report/comparison.js'
import { comparisonPage } from '../report/comparison-page.js'

/** In place of a file's name: stdout. */
const STANDARD = '-'

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

/** @throws UserError, exit code 2, for what could not be written in the end */
export async function requireWritable(flags: ReportFlags, json: boolean): Promise<void> {
  const { output, markdown, html } = flags
  if (json && markdown === STANDARD) {
    throw usageError('--json and --markdown - would both go to stdout: write one to a file.')
  }
  if (output === STANDARD || html === STANDARD) {
    throw usageError('--output and --html are files: --json writes the comparison to stdout.')
  }
  for (const file of [output, markdown, html]) {
    if (file === undefined || file === STANDARD) continue
    const found = await stat(dirname(file)).catch(() => undefined)
    if (!found?.isDirectory())
      throw usageError(`${file} cannot be written: there is no directory ${dirname(file)}.`)
  }
}

/**
 * Writes the reports that are asked for.
 * @returns what a reader of stdout is shown
 * @throws UserError for a file that cannot be written
 */
export async function writeReports(
  comparisons: readonly NamedComparison[],
  flags: ReportFlags,
): Promise<string> {
  const { output, markdown, html } = flags
  const [{ comparison }] = comparisons
  if (output !== undefined) await writeJson(output, comparison)
  if (html !== undefined)
    await writeFileWhole(html, comparisonPage(comparisons.map((each) => each.comparison)))
  if (markdown === STANDARD) return asMarkdown(comparisons).trimEnd()
  if (markdown !== undefined) await writeFileWhole(markdown, asMarkdown(comparisons))
  return asText(comparisons)
}

/**
 * Earlier comparisons, by the names of their files.
 * @throws UserError as `readComparison`, exit code 2 for one file, and for files without a strategy in common
 */
export async function readComparisons(files: readonly string[]): Promise<NamedComparison[]> {
  if (new Set(files).size < files.length) throw usageError('--from names a file twice: leave one out.')
  const comparisons: NamedComparison[] = []
  for (const name of files) comparisons.push({ name, comparison: await readComparison(name) })
  const [first, ...later] = comparisons
  for (const { name, comparison } of later) {
    const hasCommon = comparison.strategies.some((strategy) => strategyOf(first.comparison, strategy.name))
    if (!hasCommon)
      throw usageError(`${name} has no strategy of a name that ${first.name} has: nothing can be compared.`)
  }
  return comparisons
}

export function comparedRuns(comparisons: readonly NamedComparison[]): ComparedRuns {
  return {
    comparisons: comparisons.map(({ comparison }) => comparison),
    regressions: findRegressions(comparisons),
  }
}
