/** The library: what the commands do, without a terminal. See docs/library.md. */

// Batches: rows of prompts, decoded together.
export { type BatchOptions, checkSettings, runBatch } from './batch/batch.js'
export { Input } from './batch/input.js'
export { type OutputOptions, withOutput } from './batch/open-output.js'
export type { Run as BatchRun } from './batch/resume.js'
export type { Progress as BatchProgress } from './batch/scheduler.js'
// Chats: several turns on one cache.
export { type ChatOptions, ChatSession } from './chat/session.js'
// Comparisons: strategies in turns over the same prompts.
export {
  type ComparedPrompt,
  type Contestant,
  type RunOptions as CompareOptions,
  runInTurns,
  type Trial,
  tokensOfPrompt,
} from './compare/run.js'
export { parseScorer, type Scorer } from './compare/scorers.js'
export { parseSpecification, type Specification } from './compare/specification.js'
export { type StrategyTrials, type SummaryOptions, summarise } from './compare/summary.js'
export { UserError } from './errors.js'
// Drafters.
export { autoDrafter, loadDraft, loadLookup, type NamedDrafter } from './generation/auto-drafter.js'
export {
  type ConfigLayer,
  type GenerationConfig,
  generationConfigSchema,
  resolveGenerationConfig,
} from './generation/config.js'
export { dolaLayers } from './generation/dola.js'
// Evaluation.
export {
  type DocumentSpan,
  type Evaluation,
  type EvaluationOptions,
  evaluate,
  scoreTokens,
  windowAndStride,
} from './generation/evaluate.js'
// Generation.
export {
  type GenerateOptions,
  Generation,
  type GenerationChunk,
  type GenerationModel,
  type GenerationResult,
  type GenerationSettings,
  generate,
  type Prompt,
} from './generation/generate.js'
export {
  type LoadedDrafter,
  loadMedusa,
  loadMtp,
  type MedusaSettings,
  type MtpSettings,
} from './generation/heads.js'
export type { LiveBeam } from './generation/live-beams.js'
export {
  type LanguageModel,
  type LoadOptions,
  loadModel,
  type OpenModel,
  openModel,
} from './generation/load-model.js'
export type { TokenLogprobs, TokenProbability } from './generation/logprobs.js'
export type { GeneratedSequence } from './generation/sequence.js'
export type { Statistics } from './generation/statistics.js'
export { computeTransitionScores } from './generation/transition-scores.js'
export { detectWatermark, type WatermarkDetection } from './generation/watermark-detector.js'
// Models on disk and on the hub.
export {
  type CachedModel,
  listCached,
  type PullOptions,
  type PullProgress,
  pullModel,
  removeCached,
} from './hub/index.js'
// Strategies, and what new ones are made of.
export { type BeamOptions, beamSearch } from './strategies/beam-search.js'
export { type ContrastiveOptions, contrastiveSearch } from './strategies/contrastive-search.js'
export { draftVerify } from './strategies/draft-verify.js'
export { firstOf } from './strategies/drafters/first-of.js'
export { type PromptLookupOptions, promptLookup } from './strategies/drafters/prompt-lookup.js'
export { extend, prefixOf, tokensOf } from './strategies/prefix.js'
export { PrefixTree } from './strategies/prefix-tree.js'
export { SuffixIndex } from './strategies/suffix-index.js'
export type {
  Beam,
  Choice,
  CreateDrafter,
  Drafter,
  EarlyExit,
  FinishReason,
  Hypothesis,
  KVCache,
  LogitsProcessor,
  Model,
  Output,
  Prefix,
  Random,
  Request,
  Search,
  SearchRequest,
  SearchStep,
  Step,
  StoppingCriterion,
  Strategy,
  TokenTree,
  Verifier,
} from './strategies/types.js'
export { type Choose, follow } from './strategies/verifiers.js'
export type { Message } from './tokenizer/chat-template.js'
export { loadTokenizer, type Tokenizer } from './tokenizer/tokenizer.js'
// Training.
export { openPackedData, type PackedData, type PackedDataOptions } from './train/data/packed.js'
export { sampleRows, splitTail } from './train/data/rows.js'
export { type ModelFiles, SAVE_DTYPES, writeModelFiles } from './train/model-files.js'
export { type LlamaSizes, llamaConfig, type NewModel, newModel } from './train/new-model.js'
export { type BuildObjective, nextToken } from './train/objective.js'
export type { AdamWSettings, Schedule } from './train/optimiser.js'
export { readWeights } from './train/pretrained.js'
export { type HeldOutData, type TrainOptions, type TrainResult, train } from './train/train.js'
