import type { GenerationConfig } from '../config/index.js'
import { extend, type Prefix } from '../model/prefix.js'
import type { Hypothesis } from '../strategies/search.js'
import type { Choice, FinishReason, Step, StoppingCriterion } from '../strategies/strategy.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { type TokenLogprobs, tokenLogprobs } from './logprobs.js'
import { TextStream } from './text-stream.js'
import { computeTransitionScores } from './transition-scores.js'

/** A finished sequence. */
export interface GeneratedSequence<Value = unknown> {
  /** Without the prompt, special tokens, and the stop string that ended it. */
  readonly text: string
  /** Generated ids, with EOS and stop string. */
  readonly ids: readonly number[]
  /** The ids as the vocabulary spells them. */
  readonly tokens: readonly string[]
  readonly finish_reason: FinishReason
  /** Value of a text that was held to a language, such as the parsed JSON, where it is complete. */
  readonly value?: Value
  /** Why the type of a constraint refuses the value, which is left out then. */
  readonly fault?: string
  /** Of a beam: the sum of its tokens' log-probabilities over their number to the power of `length_penalty`. */
  readonly sequence_score?: number
  /** By generated token the beam that it continued, where `return_dict_in_generate` is set. */
  readonly beam_indices?: readonly number[]
  /** By generated token, where `logprobs` was asked for. */
  readonly logprobs?: readonly TokenLogprobs[]
  /** By generated token the probability of all that the text's language forbade in its place, where `maskedMass` was asked for. */
  readonly masked_mass?: readonly number[]
  /** Processed scores by generated token, [vocab] each, where `output_scores` is set. */
  readonly scores?: readonly Float32Array[]
  /**
   * Log-probabilities of the tokens under the processed scores, where `output_scores` is set. Those of beams are the
   * processed scores themselves, so that they add up to the beam's score, as in HF.
   */
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
  /** Ids whose text goes on in that of the sequence. */
  readonly context: readonly number[]
  /** Characters at the beginning that are the prompt's; by default none. */
  readonly overlap?: number
  readonly stop: StoppingCriterion
  /** Most probable tokens to name by generated token; undefined for no log-probabilities. */
  readonly logprobs: number | undefined
  /** Tells by a token's raw scores and what it follows how much of them its language forbade. */
  readonly maskedMass?: (logits: Float32Array, prefix: Prefix) => number
}

/** A generated token, and what was asked for of its choice. */
export interface TokenRecord {
  readonly token: number
  readonly logprobs?: TokenLogprobs
  readonly masked?: number
  readonly scores?: Float32Array
  readonly logits?: Float32Array
  readonly hidden?: Float32Array
}

/** Whether results have the hidden states that their tokens were chosen from. */
export function keepsHidden({ return_dict_in_generate, output_hidden_states }: GenerationConfig): boolean {
  return return_dict_in_generate && output_hidden_states
}

/** Records a choice, and the prefix that it follows. */
export type RecordToken = (choice: Choice, prefix: Prefix) => TokenRecord

/** Makes records; of copies, for a choice's arrays live until the next step only. */
export function tokenRecorder({
  config,
  tokenizer,
  logprobs,
  maskedMass,
}: Pick<SequenceOptions, 'config' | 'tokenizer' | 'logprobs' | 'maskedMass'>): RecordToken {
  const { return_dict_in_generate: details, output_scores, output_logits } = config
  const spell = (id: number) => tokenizer.idToToken(id) ?? ''
  return (choice, prefix) => ({
    token: choice.token,
    ...(maskedMass && { masked: maskedMass(choice.logits, prefix) }),
    ...(logprobs !== undefined && { logprobs: tokenLogprobs(choice.logits, choice.token, logprobs, spell) }),
    ...(details && output_scores && { scores: choice.scores.slice() }),
    ...(details && output_logits && { logits: choice.logits.slice() }),
    // Read where it is wanted alone.
    ...(keepsHidden(config) && { hidden: choice.hidden.slice() }),
  })
}

/** A sequence that is being decoded: stops it, turns its ids into text, and keeps what was asked for. */
export class Sequence {
  private readonly records: TokenRecord[] = []
  private readonly record: RecordToken
  private readonly stream: TextStream
  private prefix: Prefix
  private reason: FinishReason | undefined
  private beam: { readonly score: number; readonly indices: readonly number[] } | undefined

  constructor(private readonly options: SequenceOptions) {
    const { tokenizer, context, config, prompt, overlap } = options
    this.stream = new TextStream(tokenizer, context, config.stop_strings ?? [], overlap)
    this.prefix = prompt
    this.record = tokenRecorder(options)
  }

  get finished(): boolean {
    return this.reason !== undefined
  }

  get length(): number {
    return this.records.length
  }

  /**
   * Enters a step's tokens up to the one that ends the sequence; gives the text and ids that it added, and how many of the
   * text's first characters drafted tokens made certain.
   */
  push(step: Pick<Step, 'choices' | 'accepted'>): { text: string; ids: number[]; drafted: number } {
    const ids: number[] = []
    let text = ''
    let drafted = 0
    for (const [i, choice] of step.choices.entries()) {
      ids.push(choice.token)
      text += this.enter(this.record(choice, this.prefix))
      if (i < step.accepted) drafted = text.length
      this.prefix = extend(this.prefix, choice.token)
      const reason = this.options.stop(this.prefix)
      if (reason) return { text: text + this.end(reason), ids, drafted }
    }
    return { text, ids, drafted }
  }

  /** Adds a token that does not end the sequence by itself; gives the text that it made certain. */
  enter(record: TokenRecord): string {
    this.records.push(record)
    return this.stream.push(record.token)
  }

  /** Ends the sequence; gives the text that was still held back. */
  end(reason: FinishReason): string {
    this.reason = reason
    return this.stream.end(reason === 'stop')
  }

  /** Ends the sequence as what a search found, of which the first tokens are there; gives text and ids that it added. */
  complete(found: Hypothesis<TokenRecord>): { text: string; ids: number[] } {
    const rest = found.records.slice(this.length)
    const text = rest.map((record) => this.enter(record)).join('')
    this.beam = { score: found.score, indices: found.beamIndices }
    return { text: text + this.end(found.reason), ids: rest.map(({ token }) => token) }
  }

  result(): GeneratedSequence {
    const { records, beam } = this
    const { config, logprobs, maskedMass, tokenizer } = this.options
    const { output_scores, output_logits, return_dict_in_generate: details } = config
    const ids = records.map(({ token }) => token)
    const scores = records.flatMap((record) => record.scores ?? [])
    return {
      text: this.stream.text,
      ids,
      tokens: ids.map((id) => tokenizer.idToToken(id) ?? ''),
      finish_reason: this.reason ?? 'interrupted',
      ...(beam && { sequence_score: beam.score }),
      ...(beam && details && { beam_indices: beam.indices }),
      ...(logprobs !== undefined && { logprobs: records.flatMap((record) => record.logprobs ?? []) }),
      ...(maskedMass && { masked_mass: records.flatMap(({ masked }) => masked ?? []) }),
      ...(details &&
        output_scores && {
          scores,
          transition_scores: computeTransitionScores(ids, scores, { normalizeLogits: !beam }),
        }),
      ...(details && output_logits && { logits: records.flatMap((record) => record.logits ?? []) }),
      ...(keepsHidden(config) && { hidden_states: records.flatMap(({ hidden }) => hidden ?? []) }),
    }
  }
}
