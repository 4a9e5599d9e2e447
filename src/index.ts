export { UserError } from './errors.js'
export type { Message } from './generation/chat-template.js'
export {
  type ConfigLayer,
  type GenerationConfig,
  generationConfigSchema,
  resolveGenerationConfig,
} from './generation/config.js'
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
export { type LanguageModel, type LoadOptions, loadModel } from './generation/load-model.js'
export type { TokenLogprobs, TokenProbability } from './generation/logprobs.js'
export type { GeneratedSequence } from './generation/sequence.js'
export type { Statistics } from './generation/statistics.js'
export type { Tokenizer } from './generation/tokenizer.js'
export { computeTransitionScores } from './generation/transition-scores.js'
export { detectWatermark, type WatermarkDetection } from './generation/watermark-detector.js'
export { extend, prefixOf, tokensOf } from './strategies/prefix.js'
export type {
  Drafter,
  FinishReason,
  KVCache,
  LogitsProcessor,
  Model,
  Output,
  Prefix,
  Random,
  Request,
  Step,
  StoppingCriterion,
  Strategy,
  TokenTree,
  Verifier,
} from './strategies/types.js'
