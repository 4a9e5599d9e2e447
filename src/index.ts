/** The library: what the commands do, without a terminal. See docs/library.md. */

// Batches: rows of prompts, decoded together.
export { type BatchOptions, checkSettings, runBatch } from './batch/batch.js'
export type { Progress as BatchProgress } from './batch/feeder.js'
export { Input } from './batch/input.js'
export { type OutputOptions, withOutput } from './batch/open-output.js'
export type { BatchRun } from './batch/resume.js'
// Chats: several turns on one cache.
export type { ChatOptions } from './chat/options.js'
export { ChatSession } from './chat/session.js'
// Comparisons: strategies in turns over the same prompts.
export {
  type ComparedPrompt,
  type Contestant,
  type RunOptions as CompareOptions,
  runInTurns,
  type Trial,
} from './compare/run.js'
export { parseScorer, type Scorer } from './compare/scorers.js'
export { parseSpecification, type Specification } from './compare/specification.js'
export { type StrategyTrials, type SummaryOptions, summarise } from './compare/summary.js'
export {
  type ConfigLayer,
  type GenerationConfig,
  generationConfigSchema,
  resolveGenerationConfig,
} from './config/index.js'
// Languages that texts are held to.
export { choices, grammar, jsonSchema, regex, type TextLanguage } from './config/languages.js'
// Drafters.
export { autoDrafter, type NamedDrafter } from './drafting/auto.js'
export { loadDraft } from './drafting/draft-model.js'
export type { LoadedDrafter } from './drafting/drafter.js'
export {
  loadMedusa,
  loadMtp,
  type MedusaSettings,
  type MtpSettings,
} from './drafting/heads.js'
export { loadLookup } from './drafting/lookup.js'
export { loadRecycling } from './drafting/recycling.js'
// Requests, decoded together.
export { Engine, type EngineOptions } from './engine/engine.js'
export { generateValidated, type ValidatedOptions } from './engine/generate-validated.js'
export type { EngineRequest, PreparedRequest } from './engine/request.js'
export type { Submission } from './engine/ticket.js'
export type { FailedAttempt, Validate, ValidatedResult } from './engine/validated.js'
export { UserError } from './errors.js'
// Evaluation.
export {
  type DocumentSpan,
  type Evaluation,
  type EvaluationOptions,
  evaluate,
  scoreTokens,
  windowAndStride,
} from './evaluate/evaluate.js'
export {
  Generation,
  type GenerationSettings,
  generate,
  generatePrepared,
  type Prompt,
} from './generation/generate.js'
export type { LiveBeam } from './generation/live-beams.js'
export type { TokenLogprobs, TokenProbability } from './generation/logprobs.js'
// Generation.
export type {
  GenerateOptions,
  GenerationChunk,
  GenerationModel,
  GenerationResult,
} from './generation/options.js'
export { type Prepared, prepare } from './generation/prepare.js'
export type { GeneratedSequence } from './generation/sequence.js'
export type { Statistics } from './generation/statistics.js'
// Tools: calls of functions, as they come.
export { streamToolCalls } from './generation/stream-tool-calls.js'
export { computeTransitionScores } from './generation/transition-scores.js'
// Models on disk and on the hub.
export {
  type CachedModel,
  listCached,
  type PullOptions,
  type PullProgress,
  pullModel,
  removeCached,
} from './hub/index.js'
export {
  type LanguageModel,
  type LoadOptions,
  loadModel,
  type OpenModel,
  openModel,
} from './language-model/load.js'
export type { EarlyExit, KVCache, Model, Output, StateName } from './model/model.js'
export type { Prefix } from './model/prefix.js'
export { extend, prefixOf, tokensOf } from './model/prefix.js'
export { PrefixTree } from './model/prefix-tree.js'
export type { TokenTree } from './model/token-tree.js'
export { dolaLayers } from './scores/dola.js'
export { detectWatermark, type WatermarkDetection } from './scores/watermark-detector.js'
// Strategies, and what new ones are made of.
export type { BeamOptions } from './strategies/beam/options.js'
export { beamSearch } from './strategies/beam/search.js'
export type { Choose } from './strategies/choose.js'
export { type ContrastiveOptions, contrastiveSearch } from './strategies/contrastive-search.js'
export { draftVerify } from './strategies/draft-verify.js'
export { firstOf } from './strategies/drafters/first-of.js'
export { type PromptLookupOptions, promptLookup } from './strategies/drafters/prompt-lookup.js'
export {
  type Successors,
  type TokenRecyclingOptions,
  tokenRecycling,
} from './strategies/drafters/token-recycling.js'
export type { Beam, Hypothesis, Search, SearchRequest, SearchStep } from './strategies/search.js'
export type {
  Choice,
  CreateDrafter,
  Drafter,
  FinishReason,
  LogitsProcessor,
  Random,
  RandomProcessor,
  Request,
  Step,
  StoppingCriterion,
  Strategy,
  VerifiedStep,
  Verifier,
} from './strategies/strategy.js'
export { SuffixIndex } from './strategies/suffix-index.js'
export { follow } from './strategies/verifiers.js'
export type { Message } from './tokenizer/message.js'
export type { EncodedToken } from './tokenizer/offsets.js'
export { loadTokenizer, type Tokenizer } from './tokenizer/tokenizer.js'
export type { ToolCall, ToolDelta, ToolMessage } from './tools/language.js'
// Training.
export { openPackedData, type PackedData, type PackedDataOptions } from './train/data/packed.js'
export { sampleRows, splitTail } from './train/data/rows.js'
export type { HeldOutData, TrainingData } from './train/data/training-data.js'
export { type ModelFiles, SAVE_DTYPES, writeModelFiles } from './train/model-files.js'
export { type LlamaSizes, llamaConfig, type NewModel, newModel } from './train/new-model.js'
export { type BuildObjective, nextToken } from './train/objective.js'
export type { AdamWSettings, Schedule } from './train/optimiser.js'
export { readWeights } from './train/pretrained.js'
export { type TrainOptions, type TrainResult, train } from './train/train.js'
