import { type GenerationMode, MODES } from '../config/mode.js'
import type { ExportedFile } from '../exported/files.js'
import { loadTokenizer } from '../tokenizer/tokenizer.js'
import { spelledSpecialTokens } from './describe.js'
import type { Road } from './road.js'

/** What is known of an export to ONNX without running it. */
export interface ExportDescription {
  readonly path: string
  readonly road: 'export'
  /** Why it is run from its export, as a clause. */
  readonly why: string
  /** `model_type` of config.json. */
  readonly architecture: string
  /** Those that are there, by the dtype that asks for each, best first. */
  readonly onnx_files: readonly ExportedFile[]
  /** The one that `--dtype auto` runs. */
  readonly chosen: ExportedFile
  readonly context_length: number
  readonly vocab_size: number
  readonly special_tokens: Readonly<Record<string, string>>
  readonly chat_template: boolean
  /** Generation modes that it can be decoded with. */
  readonly strategies: readonly GenerationMode[]
  /** What strategies cannot have of it, each with why. */
  readonly lacks: Readonly<Record<string, string>>
  /** Bytes. */
  readonly memory: { readonly cache_per_token: number }
}

/** @throws UserError as `openExport` */
export async function describeExport(
  path: string,
  { why, directory, config, paths }: Extract<Road, { name: 'export' }>,
): Promise<ExportDescription> {
  const { openExport } = await import('../exported/load.js')
  const { files, file, graph, sizes, lacks } = await openExport(directory, config, paths)
  const tokenizer = await loadTokenizer(directory)
  return {
    path,
    road: 'export',
    why,
    architecture: String(config.model_type),
    onnx_files: files,
    chosen: file,
    context_length: sizes.maxPositions,
    vocab_size: sizes.vocabSize,
    special_tokens: spelledSpecialTokens(tokenizer),
    chat_template: tokenizer.hasChatTemplate,
    strategies: MODES.filter((mode) => {
      if (mode === 'dola_generation') return false
      if (lacks.trees) return mode === 'greedy_search' || mode === 'sample'
      return mode !== 'contrastive_search' || !lacks.states
    }),
    lacks: Object.fromEntries(Object.entries(lacks)),
    memory: { cache_per_token: graph.cache.reduce((sum, { bytesPerToken }) => sum + bytesPerToken, 0) },
  }
}
