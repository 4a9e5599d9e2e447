/**
 * What `llm compare --json` writes and its report shows: strategies that decoded the same prompts in turns. Times are in
 * seconds, sizes in bytes, log-probabilities natural.
 */
export interface Comparison {
  readonly format: 'llm-compare/1'
  /** ISO 8601. */
  readonly created: string
  /** What a reader types to repeat it. */
  readonly command: string
  readonly seed: number
  /** Measured runs of each prompt and strategy. */
  readonly repetitions: number
  /** Runs before them that do not count. */
  readonly warm_up: number
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly memory: number
    readonly os: string
    readonly threads: number
  }
  readonly versions: { readonly llm: string; readonly node: string; readonly onnxruntime: string }
  readonly model: {
    readonly name: string
    readonly fingerprint: string
    readonly dtype: string
    readonly device: string
    /** Null for an export to ONNX. */
    readonly parameters: number | null
  }
  /** GenerationConfig fields of all strategies. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly prompts: readonly { readonly id: string; readonly text: string; readonly tokens: number }[]
  /** Names of the scorers that every output has a score of, in order. */
  readonly scorers: readonly string[]
  /** The name of the strategy that texts and speeds are compared with. */
  readonly reference: string
  readonly strategies: readonly StrategyResult[]
}

/** A median over prompts and repetitions, with a bootstrap interval of 95%. */
export interface Estimate {
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface StrategyResult {
  readonly name: string
  /** As the user wrote it, such as `beam:num_beams=4`. */
  readonly specification: string
  /** GenerationConfig fields of its own. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Whether its texts are not distributed as the model's own. */
  readonly lossy: boolean
  readonly time_to_first_token: Estimate
  /** Of decoding: tokens after the first, over the time after the first. */
  readonly tokens_per_second: Estimate
  /** `tokens_per_second` over the reference's, paired by prompt and repetition. */
  readonly speed_ratio: Estimate
  readonly tokens_per_forward: number
  /** Share of drafts accepted at depth 1, 2, …, of those that came so far; null where nothing is drafted. */
  readonly acceptance_by_depth: readonly number[] | null
  /** Per generated token; null where nothing is drafted. */
  readonly draft_time: number | null
  readonly verify_time: number | null
  /** What its texts are held to; null where they are free. */
  readonly language: LanguageResult | null
  /** The process's largest resident size while it decoded; null where the system does not tell. */
  readonly peak_memory: number | null
  /** Share of outputs whose text is the reference's. */
  readonly identical: number
  /** Per token, of its outputs under the model, without processors. */
  readonly mean_log_probability: number
  /** distinct-1, -2 and -3: different n-grams over all n-grams (Li et al. 2016), over all outputs. */
  readonly distinct: readonly [number, number, number]
  /** Share of 4-grams that occurred before in the same output. */
  readonly repetition: number
  /** Means by scorer. */
  readonly scores: Readonly<Record<string, number>>
  /** The median time that the i-th token after the first took, over prompts and repetitions. */
  readonly token_times: readonly number[]
  /** One for each prompt, in order. */
  readonly outputs: readonly PromptOutput[]
}

/** A language that texts are held to, and what that brought and cost. */
export interface LanguageResult {
  /** The setting that names it, such as `schema`. */
  readonly field: string
  readonly value: unknown
  /** Share of outputs that are of the language, and complete. */
  readonly valid: number
  /** Share of generated tokens that took no pass, drafted as the only way to go on. */
  readonly forced: number
  /** Share of the time that masks took. */
  readonly mask_time: number
}

export interface PromptOutput {
  /** Of the prompt. */
  readonly id: string
  readonly text: string
  readonly finish_reason: string
  /** Whether it is of its language, and complete; null where the text is free. */
  readonly valid: boolean | null
  readonly tokens: number
  /** Where its text first differs from the reference's, in UTF-16 code units; null where it does not. */
  readonly differs_at: number | null
  readonly mean_log_probability: number
  readonly scores: Readonly<Record<string, number>>
  readonly runs: readonly { readonly time_to_first_token: number; readonly tokens_per_second: number }[]
}
