import { extend } from '../strategies/prefix.js'
import type { Choice, FinishReason, Prefix, Step, StoppingCriterion } from '../strategies/types.js'
import type { GenerationConfig } from './config.js'
import { type TokenLogprobs, tokenLogprobs } from './logprobs.js'
import { TextStream } from './text-stream.js'
import type { Tokenizer } from './tokenizer.js'
import { computeTransitionScores } from './transition-scores.js'

/** A finished sequence. */
export interface GeneratedSequence {
  /** Without the prompt, special tokens, and the stop string that ended it. */
  readonly text: string
  /** Generated ids, with EOS and stop string. */
  readonly ids: readonly number[]
  /** The ids as the vocabulary spells them. */
  readonly tokens: readonly string[]
  readonly finish_reason: FinishReason
  /** By generated token, where `logprobs` was asked for. */
  readonly logprobs?: readonly TokenLogprobs[]
  /** Processed scores by generated token, [vocab] each, where `output_scores` is set. */
  readonly scores?: readonly Float32Array[]
  /** Log-probabilities of the tokens under the processed scores, where `output_scores` is set. */
  readonly transition_scores?: readonly number[]
  /** Raw scores by generated token, [vocab] each, where `output_logits` is set. */
  readonly logits?: readonly Float32Array[]
  /** Final hidden states that the tokens were chosen from, [hidden] each, where `output_hidden_states` is set. */
  readonly hidden_states?: readonly Float32Array[]
}

export interface SequenceOptions {
  readonly config: GenerationConfig
  readonly tokenizer: Tokenizer
  readonly prompt: Prefix
  readonly promptIds: readonly number[]
  readonly stop: StoppingCriterion
  /** Most probable tokens to name by generated token; undefined for no log-probabilities. */
  readonly logprobs: number | undefined
}

/** A sequence that is being decoded: stops it, turns its ids into text, and records what was asked for. */
export class Sequence {
  private readonly ids: number[] = []
  private readonly logprobs: TokenLogprobs[] = []
  private readonly scores: Float32Array[] = []
  private readonly logits: Float32Array[] = []
  private readonly hidden: Float32Array[] = []
  private readonly stream: TextStream
  private prefix: Prefix
  private reason: FinishReason | undefined

  constructor(private readonly options: SequenceOptions) {
    const { tokenizer, promptIds, config, prompt } = options
    this.stream = new TextStream(tokenizer, promptIds, config.stop_strings ?? [])
    this.prefix = prompt
  }

  get finished(): boolean {
    return this.reason !== undefined
  }

  /** Enters a step's tokens up to the one that ends the sequence; gives the text and ids that it added. */
  push(step: Step): { text: string; ids: number[] } {
    const ids: number[] = []
    let text = ''
    for (const choice of step.choices) {
      ids.push(choice.token)
      this.record(choice)
      text += this.stream.push(choice.token)
      this.prefix = extend(this.prefix, choice.token)
      const reason = this.options.stop(this.prefix)
      if (reason) return { text: text + this.end(reason), ids }
    }
    return { text, ids }
  }

  /** Ends the sequence; gives the text that was still held back. */
  end(reason: FinishReason): string {
    this.reason = reason
    return this.stream.end(reason === 'stop')
  }

  result(): GeneratedSequence {
    const { config, logprobs, tokenizer } = this.options
    const { output_scores, output_logits, output_hidden_states, return_dict_in_generate: details } = config
    return {
      text: this.stream.text,
      ids: this.ids,
      tokens: this.ids.map((id) => tokenizer.idToToken(id) ?? ''),
      finish_reason: this.reason ?? 'interrupted',
      ...(logprobs === undefined ? {} : { logprobs: this.logprobs }),
      ...(details && output_scores
        ? {
            scores: this.scores,
            transition_scores: computeTransitionScores(this.ids, this.scores, { normalizeLogits: true }),
          }
        : {}),
      ...(details && output_logits ? { logits: this.logits } : {}),
      ...(details && output_hidden_states ? { hidden_states: this.hidden } : {}),
    }
  }

  /** Copies, for a choice's arrays live until the next step only. */
  private record({ token, logits, scores, hidden }: Choice): void {
    const { config, logprobs, tokenizer } = this.options
    this.ids.push(token)
    if (logprobs !== undefined) {
      this.logprobs.push(tokenLogprobs(logits, token, logprobs, (id) => tokenizer.idToToken(id) ?? ''))
    }
    if (!config.return_dict_in_generate) return
    if (config.output_scores) this.scores.push(scores.slice())
    if (config.output_logits) this.logits.push(logits.slice())
    if (config.output_hidden_states) this.hidden.push(hidden.slice())
  }
}
