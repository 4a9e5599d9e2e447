import type { GenerationConfig } from '../config/index.js'
import { usageError } from '../errors.js'
import { type Prefix, tokensOf } from '../model/prefix.js'
import { prefixState } from '../model/prefix-state.js'
import type { LogitsProcessor } from '../strategies/strategy.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { stopStringMatcher } from './stopping.js'
import { idsWithin } from './word-ids.js'

/** Texts around a model's thinking. */
interface Marks {
  readonly start: string
  readonly end: string
}

/** Those of known models: Qwen, DeepSeek and SmolLM; Mistral; Cohere; Seed. */
const KNOWN: readonly Marks[] = [
  { start: '<think>', end: '</think>' },
  { start: '[THINK]', end: '[/THINK]' },
  { start: '<|START_THINKING|>', end: '<|END_THINKING|>' },
  { start: '<seed:think>', end: '</seed:think>' },
]

/** What s1 has the model go on with. */
const WAIT = 'Wait'

/** Tokens of one character at most: longer, and the text is no UTF-8. */
const MOST_OF_A_CHARACTER = 4

/** Where a sequence is in its thinking. */
interface State {
  readonly inside: boolean
  /** Tokens inside, of all blocks together. */
  readonly count: number
  readonly waits: number
  /** Tokens that come next, whatever the model says. */
  readonly forced: readonly number[]
  /** Whether what comes is the answer, in which no mark counts. */
  readonly isAnswer: boolean
}

/** Bounds of thinking. */
interface Bounds {
  /** Tokens inside the marks. */
  readonly budget: number
  readonly waits: number
  /** Whether there is one block at most, before the answer. */
  readonly isOneBlock: boolean
}

/** Marks in tokens, and where a prompt leaves them. */
interface Spelled {
  readonly tokenizer: Tokenizer
  readonly marks: Marks
  readonly endIds: readonly number[]
  readonly waitIds: readonly number[]
  /** Tokens that end thinking, or the text. */
  readonly enders: readonly number[]
  readonly promptLength: number
  /** Whether the prompt has begun to think. */
  readonly hasBegun: boolean
  /** The token that opens a block after the prompt; undefined where thinking is off. */
  readonly opening: number | undefined
}

/**
 * A model's thinking: where a sequence is in it, and what bounds it. After `thinking_budget` tokens inside the marks, and once the text is
 * whole characters, the end mark is forced (llama.cpp's `--reasoning-budget`). The first `thinking_waits` times that the model would end its
 * thinking or its text, `thinking_wait_text` comes instead: its first token takes over the score of the end (budget forcing, Muennighoff et
 * al. 2025, s1). State follows from the tokens alone, so that drafts and beams see the same.
 */
export class Thinking {
  private readonly stateAt: (prefix: Prefix) => State

  constructor(
    private readonly spelled: Spelled,
    private readonly bounds: Bounds,
  ) {
    const { tokenizer, marks, promptLength, hasBegun } = spelled
    const match = stopStringMatcher([marks.start, marks.end], (tokens) => tokenizer.decode(tokens))
    const { waits } = bounds
    const initial: State = { inside: hasBegun, count: 0, waits, forced: [], isAnswer: false }
    this.stateAt = prefixState<State>(
      () => initial,
      (state, prefix) => {
        if (prefix.length < promptLength || state.isAnswer) return state
        return prefix.length === promptLength ? this.bounded(state, prefix) : this.step(state, prefix, match)
      },
    )
  }

  /** Bounds the thinking. */
  readonly process: LogitsProcessor = (logits, prefix) => {
    const { inside, waits, forced } = this.stateAt(prefix)
    if (forced.length > 0) {
      logits.fill(-Infinity)
      logits[forced[0]] = 0
    } else if (inside && waits > 0) {
      takeOver(logits, this.spelled.waitIds[0], this.spelled.enders)
    }
  }

  isInside(prefix: Prefix): boolean {
    return this.stateAt(prefix).inside
  }

  get opening(): number | undefined {
    return this.spelled.opening
  }

  /** Tokens that a block takes beside those that the model is free to write. */
  get overhead(): number {
    const { endIds, waitIds, hasBegun } = this.spelled
    return (hasBegun ? 0 : 1) + endIds.length + waitIds.length + MOST_OF_A_CHARACTER
  }

  get hasBegun(): boolean {
    return this.spelled.hasBegun
  }

  /** The same as one block before an answer, of at most so many tokens; none at all where they are fewer than none. */
  beforeAnswer(budget: number): Thinking {
    const opening = budget < 0 ? undefined : this.opening
    const bounds = { ...this.bounds, budget: Math.min(budget, this.bounds.budget), isOneBlock: true }
    return new Thinking({ ...this.spelled, opening }, bounds)
  }

  private bounded(state: State, prefix: Prefix): State {
    const over = state.count - this.bounds.budget
    const isOver = state.inside && state.forced.length === 0 && over >= 0
    const isDue = isOver && (over >= MOST_OF_A_CHARACTER || this.isWhole(prefix))
    return isDue ? { ...state, forced: this.spelled.endIds } : state
  }

  private step(state: State, prefix: Prefix, match: ReturnType<typeof stopStringMatcher>): State {
    const { marks, waitIds, promptLength, hasBegun } = this.spelled
    const found = match(prefix)?.stopString
    const inside = found === undefined ? state.inside : found === marks.start
    const count = state.count + (state.inside && inside ? 1 : 0)
    const isWait =
      state.inside && inside && state.waits > 0 && prefix.token === waitIds[0] && state.forced.length === 0
    const forced = isWait ? waitIds.slice(1) : inside === state.inside ? state.forced.slice(1) : []
    const isOpening = prefix.length === promptLength + 1 && !hasBegun
    const isAnswer = this.bounds.isOneBlock && !inside && (state.inside || isOpening)
    return this.bounded({ inside, count, waits: state.waits - (isWait ? 1 : 0), forced, isAnswer }, prefix)
  }

  private isWhole(prefix: Prefix): boolean {
    const { tokenizer, promptLength } = this.spelled
    return !tokenizer.decode(tokensOf(prefix, prefix.length - promptLength)).endsWith('\uFFFD')
  }
}

export interface ThinkingOptions {
  /** Tokens of the prompt, which may have begun to think. */
  readonly ids: readonly number[]
  /** Whether the prompt is a chat, in which a model may begin to think. */
  readonly isChat: boolean
  /** A chat template in place of the model's own. */
  readonly template: string | undefined
  /** Whether what follows is held to a language. */
  readonly isHeld: boolean
}

/**
 * The thinking of a model, undefined where nothing depends on it: no setting bounds it, and no language begins after it.
 * @throws UserError where thinking is to be bounded, but the model has no marks and none are given
 */
export function thinkingOf(
  config: GenerationConfig,
  tokenizer: Tokenizer,
  { ids, isChat, template, isHeld }: ThinkingOptions,
): Thinking | undefined {
  const {
    thinking_budget: budget = Infinity,
    thinking_waits: waits = 0,
    thinking_wait_text: text = WAIT,
  } = config
  const isBounded = budget < Infinity || waits > 0
  if (!isBounded && !isHeld) return undefined
  const marks = marksOf(config, tokenizer, template)
  if (!marks) {
    if (isBounded) throw withoutMarks()
    return undefined
  }
  const endIds = markIds(marks.end, tokenizer, 'thinking_end')
  const waitIds = waits > 0 ? idsWithin(text, tokenizer, 'thinking_wait_text') : []
  const enders = [endIds[0], ...(config.eos_token_id ?? tokenizer.eosTokenIds)]
  const prompt = tokenizer.decode(ids)
  const hasBegun = prompt.lastIndexOf(marks.start) > prompt.lastIndexOf(marks.end)
  const isOff =
    !isChat || config.enable_thinking === false || hasBegun || prompt.trimEnd().endsWith(marks.end)
  const opening = isOff ? undefined : tokenizer.tokenToId(marks.start)
  const promptLength = ids.length
  return new Thinking(
    { tokenizer, marks, endIds, waitIds, enders, promptLength, hasBegun, opening },
    { budget, waits, isOneBlock: false },
  )
}

/** Gives a token the best score of others, which are no longer possible. */
function takeOver(logits: Float32Array, token: number, others: readonly number[]): void {
  for (const other of others) {
    if (other === token || other >= logits.length) continue
    logits[token] = Math.max(logits[token], logits[other])
    logits[other] = -Infinity
  }
}

/** Undefined where the model has none that are known, and none are given. @throws UserError for marks that are one */
function marksOf(
  { thinking_start, thinking_end }: GenerationConfig,
  { tokenToId, chatTemplate }: Tokenizer,
  template = chatTemplate,
): Marks | undefined {
  const known = KNOWN.find(({ start, end }) =>
    [start, end].every((mark) => tokenToId(mark) !== undefined || template?.includes(mark)),
  )
  const start = thinking_start ?? known?.start
  const end = thinking_end ?? known?.end
  if (start === undefined || end === undefined) return undefined
  if (start !== end) return { start, end }
  throw usageError(`thinking_start and thinking_end are both ${JSON.stringify(start)}: give two marks.`)
}

function withoutMarks() {
  return usageError(
    'The model has no marks of thinking that are known, in its vocabulary or its chat template: give them as thinking_start and thinking_end.',
  )
}

function markIds(mark: string, tokenizer: Tokenizer, field: string): number[] {
  const id = tokenizer.tokenToId(mark)
  return id === undefined ? idsWithin(mark, tokenizer, field) : [id]
}
