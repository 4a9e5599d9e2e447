import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '../errors.js'
import type { GenerateOptions } from '../generation/options.js'
import { type LanguageModel, type LoadOptions, loadModel, placementOf } from '../language-model/load.js'
import type { SuffixIndex } from '../strategies/suffix-index.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { openLookupCorpus } from './lookup-corpus.js'
import type { CostOptions } from './step-costs.js'

/** What drafts, as options of `generate`, and what it holds meanwhile. */
export interface LoadedDrafter {
  readonly options: Pick<
    GenerateOptions,
    'strategy' | 'createDrafter' | 'createControl' | 'verifier' | 'assistant' | 'lookupCorpus'
  >
  /** What a user would call it, where the choice was not the user's. */
  readonly name?: string
  /** Settings that it stands for. */
  readonly defaults?: Readonly<Record<string, unknown>>
  dispose(): Promise<void>
}

/** Files of a drafter. */
export interface DrafterFiles {
  /** The own field that names their directory. */
  readonly field: string
  /** The directory in its model's own where they are found, and the command of `llm train` that makes them. */
  readonly beside: string
  /** `Medusa heads`; and what is said where there are none. */
  readonly name: string
  readonly none: string
}

/** Fields of a strategy's own, which are none of GenerationConfig. */
export type OwnValues = Readonly<Record<string, unknown>>

/** Who loads a drafter: a command, a chat, a program. */
export interface DraftHost {
  /** Loads a model that drafts. */
  load(source: string, options: Pick<LoadOptions, 'layers'>): Promise<LanguageModel>
  openCorpus(files: readonly string[], tokenizer: Tokenizer): Promise<SuffixIndex>
  /** Says `none`, where a drafter has no files, and how to give some. */
  missing(none: string, some: string, field: string): string
  notice?(message: string): void
}

/** What a drafter is loaded for. */
export interface DraftContext {
  readonly model: LanguageModel
  readonly own: OwnValues
  readonly costs: CostOptions
  /** Whether as much is drafted as pays; otherwise settings say how much. */
  readonly pays: boolean
  readonly host: DraftHost
}

/** A host that loads models as a target was. */
export function hostBeside(
  target: LanguageModel,
  { threads }: CostOptions,
  load: (source: string, options: LoadOptions) => Promise<LanguageModel> = loadModel,
): DraftHost {
  const options = { dtype: target.dtype, ...placementOf(target), threads }
  return {
    load: (source, own) => load(source, { ...options, ...own }),
    openCorpus: (files, tokenizer) => openLookupCorpus(files, { tokenizer }),
    missing: (none, some, field) => `${none}: give ${some} as ${field}`,
  }
}

/** The directory of a drafter in that of its model, where there is one. */
export function drafterBeside(
  { path }: Pick<LanguageModel, 'path'>,
  name: string,
): Promise<string | undefined> {
  const directory = join(path, name)
  return stat(join(directory, 'config.json')).then(
    () => directory,
    () => undefined,
  )
}

/** Where a drafter's files lie: where they are said to, or beside the model. */
export async function findFiles(
  { field, beside }: DrafterFiles,
  { own, model }: Pick<DraftContext, 'own' | 'model'>,
): Promise<string | undefined> {
  return (own[field] as string | undefined) ?? (await drafterBeside(model, beside))
}

/** @throws UserError, exit code 2, where there are none */
export async function requireFiles(files: DrafterFiles, context: DraftContext): Promise<string> {
  const found = await findFiles(files, context)
  if (found !== undefined) return found
  const { none, field, beside } = files
  const some = none.includes(' is ') ? 'one' : 'some'
  throw usageError(
    `${context.host.missing(none, some, field)}, or make ${some} with \`llm train ${beside}\`.`,
  )
}
