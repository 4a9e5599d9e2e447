export { UserError } from './errors.js'
export {
  type ConfigLayer,
  type GenerationConfig,
  generationConfigSchema,
  resolveGenerationConfig,
} from './generation/config.js'
export { dolaLayers } from './generation/dola.js'
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
export type { LiveBeam } from './generation/live-beams.js'
export { type LanguageModel, type LoadOptions, loadModel } from './generation/load-model.js'
export type { TokenLogprobs, TokenProbability } from './generation/logprobs.js'
export type { GeneratedSequence } from './generation/sequence.js'
export type { Statistics } from './generation/statistics.js'
export { computeTransitionScores } from './generation/transition-scores.js'
export { detectWatermark, type WatermarkDetection } from './generation/watermark-detector.js'
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
export type { Tokenizer } from './tokenizer/tokenizer.js'
