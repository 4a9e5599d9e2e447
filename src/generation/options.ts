import type { GenerationConfig } from '../config/index.js'
import type { TextLanguage } from '../config/languages.js'
import type { LanguageModel } from '../language-model/load.js'
import type { KVCache } from '../model/model.js'
import type { PrefixAllowedTokens } from '../scores/processors/index.js'
import type { CreateDraftControl } from '../strategies/draft-control.js'
import type { Search } from '../strategies/search.js'
import type {
  CreateDrafter,
  RandomProcessor,
  StoppingCriterion,
  Strategy,
  Verifier,
} from '../strategies/strategy.js'
import type { SuffixIndex } from '../strategies/suffix-index.js'
import type { Amateur } from './amateur.js'
import type { Assistant } from './assistant.js'
import type { LiveBeam } from './live-beams.js'
import type { Prompt } from './prompt.js'
import type { BestOf } from './scored-sample.js'
import type { GeneratedSequence } from './sequence.js'
import type { Statistics } from './statistics.js'

/** Arguments of HF's generate() that are no configuration. */
export interface GenerateOptions<Value = unknown> {
  /** A language that the text is held to, in place of `schema`, `regex` and their like in the settings; results have its value. */
  readonly constraint?: TextLanguage<Value>
  /** Classifier-free guidance moves away from it; by default from the prompt's last token, as in HF. */
  readonly negativePrompt?: Prompt
  /** Run after HF's processors and before the warpers of sampling. */
  readonly processors?: readonly RandomProcessor[]
  readonly stoppingCriteria?: readonly StoppingCriterion[]
  readonly prefixAllowedTokensFn?: PrefixAllowedTokens
  /** Most probable tokens to name with each token's log-probability; 0 for the token's alone. */
  readonly logprobs?: number
  /** Whether results tell by token the probability, under the model, of all that the text's language forbade there. */
  readonly maskedMass?: boolean
  /** Chooses one of `best_of` samples: the higher the better, of equals the first. */
  readonly scoreSample?: (text: string, signal?: AbortSignal) => number | Promise<number>
  /** A Jinja chat template in place of the model's own. */
  readonly chatTemplate?: string
  /**
   * HF's `past_key_values`: a cache of the model that holds the beginning of the prompt, which need not be run again. It is
   * disposed of in the end.
   */
  readonly pastKeyValues?: KVCache
  /** Ends generation: what was written is kept, with the finish reason `interrupted`. */
  readonly signal?: AbortSignal
  /** Decodes in place of the strategy that the settings choose. */
  readonly strategy?: Strategy | Search
  /** Drafts for greedy decoding or sampling, which stay as they are: the text does not change. Goes beside prompt lookup. */
  readonly createDrafter?: CreateDrafter
  /** Decides how much is drafted where drafts do not depend on chance; by default the settings do. */
  readonly createControl?: CreateDraftControl
  /** Decides which drafts of `createDrafter` stay; by default those that leave the text as it is. */
  readonly verifier?: Verifier
  /** HF's `assistant_model`: a smaller model, which drafts for this one; where its tokens are others, by way of text. */
  readonly assistant?: Assistant
  /** Contrastive decoding: a weaker model with the same tokens, whose log-probabilities are taken from those of the model. */
  readonly amateur?: Amateur
  /** Text in which prompt lookup looks beside the sequence itself (REST), as tokens of the model. */
  readonly lookupCorpus?: SuffixIndex
  /** Called with the sequences that a beam search follows, after each step; those that have ended come last. */
  readonly onBeams?: (beams: readonly LiveBeam[]) => void
  /** A sentence about a value that has no effect. */
  readonly onWarning?: (message: string) => void
}

/** New text of one sequence. */
export interface GenerationChunk {
  /** Which of `num_return_sequences`. */
  readonly sequence: number
  /** May be empty: characters and stop strings are printed whole or not at all. */
  readonly text: string
  readonly ids: readonly number[]
  /** So many of the text's first characters come from drafts. */
  readonly drafted: number
}

/** All sequences; the fields of the first one are also its own. Where one of several samples was chosen, it is the one sequence. */
export interface GenerationResult<Value = unknown> extends GeneratedSequence<Value>, Partial<BestOf> {
  readonly sequences: readonly GeneratedSequence<Value>[]
  /** As resolved, `seed` included. */
  readonly config: GenerationConfig
  readonly statistics: Statistics
}

/** What generation needs of a model. */
export type GenerationModel = Pick<LanguageModel, 'model' | 'tokenizer' | 'generationConfig'> &
  Partial<Pick<LanguageModel, 'spec' | 'path'>>
