import type { Row } from '../../batch/row.js'
import { KINDS } from '../../compare/kinds.js'
import { type Plan, readPlan } from '../../compare/plan.js'
import { readPrompts } from '../../compare/prompts.js'
import { type ComparedPrompt, runInTurns, type Trial } from '../../compare/run.js'
import { parseScorer, requireExpected, type Scorer } from '../../compare/scorers.js'
import {
  parseSpecification,
  requireDistinctNames,
  type Specification,
  withFilesRead,
} from '../../compare/specification.js'
import { summarise } from '../../compare/summary.js'
import { type ConfigLayer, checkLayers } from '../../config/index.js'
import { withLanguageFiles } from '../../config/language-files.js'
import { type UserError, usageError } from '../../errors.js'
import { prepare } from '../../generation/prepare.js'
import { requireServed } from '../../generation/served.js'
import { parameterCount } from '../../language-model/describe.js'
import { modelFingerprint } from '../../language-model/fingerprint.js'
import type { KnownModel, LanguageModel } from '../../language-model/load.js'
import type { Comparison } from '../../report/comparison.js'
import { machineOf, versionsOf } from '../../runtime/machine.js'
import { comparisonDisplay } from '../../ui/comparison-progress.js'
import { tell } from '../../ui/printable.js'
import { promptOf } from '../batch/batch.js'
import { loadOptions, modelName } from '../flags/model.js'
import { type ChatFlags, refuseRawChat } from '../io/chat-prompt.js'
import { layerOfFlags } from '../io/language-files.js'
import { readConfigFile, readTemplate } from '../io/text-input.js'
import {
  type CompareSettings,
  Contestants,
  checkSpecification,
  type LoadedContestant,
  refuseUnused,
} from './strategies.js'

export interface CompareFlags extends ChatFlags {
  readonly model: string
  readonly adapter?: string
  readonly dtype: string
  readonly device: string
  readonly 'device-id'?: number
  readonly threads?: number
  readonly exact?: boolean
  readonly 'amateur-model'?: string
  readonly plan?: string
  readonly strategy?: readonly string[]
  readonly score?: readonly string[]
  readonly reference?: string
  readonly repetitions: number
  readonly 'warm-up': number
  readonly seed?: number
  readonly config?: string
}

/** Where a comparison is made. */
export interface CompareContext {
  /** What a reader types to repeat it. */
  readonly command: string
  /** Of this package. */
  readonly version: string
  readonly signal: AbortSignal
  /** Called with what went wrong in a comparison that is kept all the same. */
  readonly onFailure: (error: UserError) => void
}

/** A comparison as the user wants it. */
interface Wanted {
  readonly specifications: readonly Specification[]
  readonly reference: string
  readonly rows: readonly Row[]
  readonly scorers: readonly Scorer[]
  readonly settings: CompareSettings
  readonly chatTemplate: string | undefined
}

const NO_PLAN: Plan = { settings: {}, strategies: [], scorers: [] }

/**
 * Measures strategies over the prompts of a file.
 * @throws UserError for files that cannot be read, strategies, settings and prompts that cannot be served, and where it is
 *   interrupted before the first repetition is whole
 */
export async function compareStrategies(
  file: string | undefined,
  flags: CompareFlags & Readonly<Record<string, unknown>>,
  context: CompareContext,
): Promise<Comparison> {
  refuseRawChat(flags)
  const wanted = await wantedComparison(file, flags)
  const { threads } = flags
  const { signal, onFailure } = context
  const costs = { threads, onMeasure: tell }
  const check = ({ lacks, path }: KnownModel) => {
    for (const { kind, text } of wanted.specifications) {
      const { drafts, needsGraph } = KINDS[kind]
      const isDrafted = Boolean(drafts) && kind !== 'custom'
      requireServed(lacks, path, { isDrafted, insides: needsGraph ? text : undefined })
    }
  }
  const contestants = new Contestants(flags, { ...loadOptions(flags), signal }, costs, check)
  const display = comparisonDisplay()
  try {
    const model = await contestants.model()
    const loaded: LoadedContestant[] = []
    for (const specification of wanted.specifications) {
      loaded.push(await contestants.open(specification, wanted.settings))
    }
    refuseUnused(loaded)
    const prompts = wanted.rows.map((row) => comparedPrompt(row, model, flags, wanted, loaded[0]))
    const { scorers, chatTemplate } = wanted
    const { repetitions, 'warm-up': warmUp } = flags
    const options = { chatTemplate, scorers, repetitions, warmUp, signal, onRun: display.update, onFailure }
    const trials = await runInTurns(model.model, loaded, prompts, options)
    display.stop()
    tellOfOtherTexts(loaded, prompts, trials)
    return await comparisonOf({ wanted, flags, context, model, loaded, prompts, trials })
  } finally {
    display.stop()
    await contestants.dispose()
  }
}

/** What can be read and refused before a model is loaded. */
async function wantedComparison(
  file: string | undefined,
  flags: CompareFlags & Readonly<Record<string, unknown>>,
): Promise<Wanted> {
  const plan = flags.plan === undefined ? NO_PLAN : await readPlan(flags.plan)
  const named = [...plan.strategies, ...(flags.strategy ?? []).map(parseSpecification)]
  const specifications = await Promise.all(named.map(withFilesRead))
  if (specifications.length === 0) {
    throw usageError('There are no strategies: name some with --strategy, or in a file with --plan.')
  }
  requireDistinctNames(specifications)
  const { reference = specifications[0].name, 'chat-template': template } = flags
  if (!specifications.some(({ name }) => name === reference)) {
    throw usageError(
      `--reference is ${reference}, but the strategies are ${specifications.map(({ name }) => name).join(' and ')}.`,
    )
  }
  const settings = await settingsOf(flags, plan)
  for (const specification of specifications) checkSpecification(specification, settings)
  const scorers = [...new Set([...plan.scorers, ...(flags.score ?? [])])].map(parseScorer)
  const prompts = file ?? plan.prompts
  if (prompts === undefined) throw usageError('There are no prompts: give a file with one a line.')
  const rows = await readPrompts(prompts)
  requireExpected(scorers, rows, prompts)
  const chatTemplate = await readTemplate(template)
  return { specifications, reference, rows, scorers, settings, chatTemplate }
}

/** The plan's settings, over them those of --config, over them the flags'; the seed is every run's. */
async function settingsOf(
  flags: CompareFlags & Readonly<Record<string, unknown>>,
  plan: Plan,
): Promise<CompareSettings> {
  const { config } = flags
  const all: ConfigLayer[] = [
    {
      values: await withLanguageFiles(plan.settings, (field) => `${field} in the plan`),
      origin: flags.plan ?? 'the plan',
    },
    ...(config === undefined ? [] : [await readConfigFile(config)]),
    await layerOfFlags(flags),
  ]
  checkLayers(...all)
  const seed = all.findLast(({ values }) => values.seed != null)?.values.seed ?? 0
  const layers = all.map(({ values: { seed: _, ...values }, origin }) => ({ values, origin }))
  return { layers, seed: seed as number, amateur: flags['amateur-model'] }
}

/** @throws UserError, exit code 2, naming a row that is no prompt for the model */
function comparedPrompt(
  row: Row,
  model: LanguageModel,
  flags: ChatFlags,
  { chatTemplate }: Wanted,
  { resolved }: LoadedContestant,
): ComparedPrompt {
  try {
    const prompt = promptOf(row, model, flags, chatTemplate)
    return { row, prompt, ids: prepare(model, prompt, resolved, chatTemplate).ids }
  } catch (error) {
    throw usageError(`Prompt ${JSON.stringify(row.id)}: ${(error as Error).message}`, { cause: error })
  }
}

/** Runs of the same seed should give the same text; a report has that of the first. */
function tellOfOtherTexts(
  strategies: readonly LoadedContestant[],
  prompts: readonly ComparedPrompt[],
  trials: readonly (readonly Trial[])[],
): void {
  for (const [s, { specification }] of strategies.entries()) {
    const ids = prompts.flatMap(({ row }, p) => {
      const texts = new Set(trials[s][p].runs.map(({ text }) => text))
      return texts.size > 1 ? [JSON.stringify(row.id)] : []
    })
    if (ids.length === 0) continue
    tell(
      `${specification.name} wrote other texts in later runs for ${ids.join(', ')}: those of the first run are reported.`,
    )
  }
}

interface Parts {
  readonly wanted: Wanted
  readonly flags: CompareFlags
  readonly context: CompareContext
  readonly model: LanguageModel
  readonly loaded: readonly LoadedContestant[]
  readonly prompts: readonly ComparedPrompt[]
  readonly trials: readonly (readonly Trial[])[]
}

async function comparisonOf(parts: Parts): Promise<Comparison> {
  const { wanted, flags, context, model, loaded, prompts, trials } = parts
  const { reference, settings, specifications } = wanted
  const ids = prompts.map(({ row }) => String(row.id))
  const scorers = wanted.scorers.map(({ name }) => name)
  const names = specifications.map(({ name }) => name)
  const summary = { ids, scorers, reference: trials[names.indexOf(reference)], seed: settings.seed }
  return {
    format: 'llm-compare/1',
    created: new Date().toISOString(),
    command: context.command,
    seed: settings.seed,
    repetitions: trials[0][0].runs.length,
    warm_up: flags['warm-up'],
    machine: machineOf(flags.threads),
    versions: versionsOf(context.version),
    model: {
      name: modelName(flags),
      fingerprint: await modelFingerprint(model, model.dtype),
      dtype: model.dtype,
      device: model.device,
      parameters: model.spec ? parameterCount(model.spec) : null,
    },
    settings: Object.assign({}, ...settings.layers.map(({ values }) => values)),
    prompts: prompts.map(({ row, ids: tokens }, i) => ({
      id: ids[i],
      text: textOf(row),
      tokens: tokens.length,
    })),
    scorers,
    reference,
    strategies: loaded.map((strategy, s) => summarise({ ...strategy, trials: trials[s] }, summary)),
  }
}

function textOf({ prompt }: Row): string {
  if (typeof prompt === 'string') return prompt
  return prompt.map(({ role, content }) => `${role}: ${content}`).join('\n')
}
