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
}

/**
 * A processor that bounds a model's thinking, undefined where nothing bounds it. After `thinking_budget` tokens inside the marks, and once
 * the text is whole characters, the end mark is forced (llama.cpp's `--reasoning-budget`). The first `thinking_waits` times that the model
 * would end its thinking or its text, `thinking_wait_text` comes instead: its first token takes over the score of the end (budget forcing,
 * Muennighoff et al. 2025, s1). State follows from the tokens alone, so that drafts and beams see the same.
 * @param ids of the prompt, which may have begun to think
 * @param template chat template in place of the model's own
 * @throws UserError where the model has no marks and none are given
 */
export function thinkingProcessor(
  config: GenerationConfig,
  tokenizer: Tokenizer,
  ids: readonly number[],
  template: string | undefined,
): LogitsProcessor | undefined {
  const {
    thinking_budget: budget = Infinity,
    thinking_waits: waits = 0,
    thinking_wait_text: text = WAIT,
  } = config
  if (budget === Infinity && waits === 0) return undefined
  const marks = marksOf(config, tokenizer, template)
  const endIds = markIds(marks.end, tokenizer, 'thinking_end')
  const waitIds = waits > 0 ? idsWithin(text, tokenizer, 'thinking_wait_text') : []
  const enders = [endIds[0], ...(config.eos_token_id ?? tokenizer.eosTokenIds)]
  const match = stopStringMatcher([marks.start, marks.end], (tokens) => tokenizer.decode(tokens))
  const isWhole = (prefix: Prefix) =>
    !tokenizer.decode(tokensOf(prefix, prefix.length - ids.length)).endsWith('\uFFFD')

  const bounded = (state: State, prefix: Prefix): State => {
    const over = state.count - budget
    const isOver = state.inside && state.forced.length === 0 && over >= 0
    return isOver && (over >= MOST_OF_A_CHARACTER || isWhole(prefix)) ? { ...state, forced: endIds } : state
  }
  const step = (state: State, prefix: Prefix): State => {
    const found = match(prefix)?.stopString
    const inside = found === undefined ? state.inside : found === marks.start
    const count = state.count + (state.inside && inside ? 1 : 0)
    const isWait =
      state.inside && inside && state.waits > 0 && prefix.token === waitIds[0] && state.forced.length === 0
    const forced = isWait ? waitIds.slice(1) : inside === state.inside ? state.forced.slice(1) : []
    return bounded({ inside, count, waits: state.waits - (isWait ? 1 : 0), forced }, prefix)
  }
  const prompt = tokenizer.decode(ids)
  const begun = prompt.lastIndexOf(marks.start) > prompt.lastIndexOf(marks.end)
  const initial: State = { inside: begun, count: 0, waits, forced: [] }
  const stateAt = prefixState<State>(
    () => initial,
    (state, prefix) => {
      if (prefix.length < ids.length) return state
      return prefix.length === ids.length ? bounded(state, prefix) : step(state, prefix)
    },
  )
  return (logits, prefix) => {
    const { inside, waits: left, forced } = stateAt(prefix)
    if (forced.length > 0) {
      logits.fill(-Infinity)
      logits[forced[0]] = 0
    } else if (inside && left > 0) {
      takeOver(logits, waitIds[0], enders)
    }
  }
}

/** Gives a token the best score of others, which are no longer possible. */
function takeOver(logits: Float32Array, token: number, others: readonly number[]): void {
  for (const other of others) {
    if (other === token || other >= logits.length) continue
    logits[token] = Math.max(logits[token], logits[other])
    logits[other] = -Infinity
  }
}

/** @throws UserError where the model has none and none are given */
function marksOf(
  { thinking_start, thinking_end }: GenerationConfig,
  { tokenToId, chatTemplate }: Tokenizer,
  template = chatTemplate,
): Marks {
  const known = KNOWN.find(({ start, end }) =>
    [start, end].every((mark) => tokenToId(mark) !== undefined || template?.includes(mark)),
  )
  const start = thinking_start ?? known?.start
  const end = thinking_end ?? known?.end
  if (start === undefined || end === undefined) {
    throw usageError(
      'The model has no marks of thinking that are known, in its vocabulary or its chat template: give them as thinking_start and thinking_end.',
    )
  }
  if (start !== end) return { start, end }
  throw usageError(`thinking_start and thinking_end are both ${JSON.stringify(start)}: give two marks.`)
}

function markIds(mark: string, tokenizer: Tokenizer, field: string): number[] {
  const id = tokenizer.tokenToId(mark)
  return id === undefined ? idsWithin(mark, tokenizer, field) : [id]
}
