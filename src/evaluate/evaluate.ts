import { usageError } from '../errors.js'
import type { Model } from '../model/model.js'
import { logSumExp } from '../strategies/softmax.js'

/** Tokens of one forward pass: their logits are held at a time. */
const CHUNK = 128
const DEFAULT_WINDOW = 1024

export interface WindowOptions {
  /** Tokens that the model sees at a time; by default its positions, 1024 at most. */
  readonly window?: number
  /** Tokens from the start of one window to that of the next; by default half a window. */
  readonly stride?: number
}

/** Tokens of a document of which either all or none are scored. */
export interface DocumentSpan {
  readonly ids: readonly number[]
  readonly isScored: boolean
  /** UTF-8 bytes of its text. */
  readonly bytes: number
}

/** Sums over documents. */
export interface Evaluation {
  /** Scored ones. */
  readonly tokens: number
  /** UTF-8 bytes of the text of the scored tokens. */
  readonly bytes: number
  /** Those of which a token was scored. */
  readonly documents: number
  /** Negative log-likelihood, nats. */
  readonly nats: number
}

export interface EvaluationOptions extends WindowOptions {
  /** Text of ids, to count the bytes of a span that is scored in part. */
  readonly decode: (ids: readonly number[]) => string
  /** Ends the evaluation after so many scored tokens. */
  readonly maxTokens?: number
  /** Ends the evaluation with the sums so far. */
  readonly signal?: AbortSignal
  /** Called after each chunk of tokens. */
  readonly onProgress?: (progress: Pick<Evaluation, 'tokens' | 'nats'>) => void
}

/**
 * The window and stride of an evaluation.
 * @throws UserError, exit code 2, for a window longer than the model's positions, or a stride that leaves no context
 */
export function windowAndStride(
  { maxPositions }: Pick<Model, 'maxPositions'>,
  { window = Math.min(maxPositions, DEFAULT_WINDOW), stride = Math.floor(window / 2) }: WindowOptions,
): Required<WindowOptions> {
  const isCount = (value: number, least: number) => Number.isInteger(value) && value >= least
  if (!isCount(window, 2) || window > maxPositions) {
    throw usageError(`The window cannot be ${window}: the model takes 2 to ${maxPositions} tokens.`)
  }
  if (!isCount(stride, 1) || stride >= window) {
    throw usageError(
      `The stride cannot be ${stride}: between 1 and ${window - 1} it leaves context in a window of ${window}.`,
    )
  }
  return { window, stride }
}

/**
 * Log-probabilities of a document's tokens but the first, each under the longest context that its window gives: HF's
 * "Perplexity of fixed-length models". Tokens after the first window see `window - stride` tokens at least.
 * @param isScored says which tokens are wanted, by index; all by default
 * @returns index and log-probability (nats) of each wanted token, in order
 * @throws UserError as `windowAndStride`
 */
export async function* scoreTokens(
  model: Model,
  ids: readonly number[],
  options: WindowOptions = {},
  isScored: (index: number) => boolean = () => true,
): AsyncGenerator<{ readonly index: number; readonly logprob: number }, void, void> {
  const { window, stride } = windowAndStride(model, options)
  for (let begin = 0, first = 1; first < ids.length; begin += stride) {
    const end = Math.min(begin + window, ids.length)
    const targets = indices(first, end).filter(isScored)
    if (targets.length > 0) yield* scoreWindow(model, ids, begin, targets)
    first = end
  }
}

/** Scores `targets` (ascending indices) with the tokens from `begin` on as their context. */
async function* scoreWindow(model: Model, ids: readonly number[], begin: number, targets: readonly number[]) {
  const last = targets.at(-1)!
  const cache = model.newCache()
  try {
    for (let start = begin; start < last; start += CHUNK) {
      const stop = Math.min(start + CHUNK, last)
      const predicted = targets.filter((index) => index > start && index <= stop)
      const output = await model.forward(
        cache,
        ids.slice(start, stop),
        indices(start - begin - 1, stop - begin - 1),
        predicted.map((index) => index - 1 - start),
        { states: [] },
      )
      for (const index of predicted) {
        const logits = output.logits(index - 1 - start)
        yield { index, logprob: logits[ids[index]] - logSumExp(logits) }
      }
    }
  } finally {
    cache.dispose()
  }
}

function indices(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i)
}

/**
 * Scores documents, each for itself. The first token of a document is not predicted, and its bytes are not counted:
 * a token that stands for the start of a text makes the rest whole.
 * @throws UserError, exit code 2, where there is no token to score, and as `windowAndStride`
 */
export async function evaluate(
  model: Model,
  documents: AsyncIterable<readonly DocumentSpan[]> | Iterable<readonly DocumentSpan[]>,
  options: EvaluationOptions,
): Promise<Evaluation> {
  const { maxTokens = Infinity, signal } = options
  const sums = { tokens: 0, bytes: 0, documents: 0, nats: 0 }
  for await (const spans of documents) {
    if (signal?.aborted) break
    const scored = await evaluateDocument(model, spans, options, sums)
    if (scored > 0) sums.documents++
    if (sums.tokens >= maxTokens) break
  }
  if (sums.tokens > 0) return sums
  signal?.throwIfAborted()
  throw usageError('There is no token to score: give a longer text.')
}

type Sums = { -readonly [Name in keyof Evaluation]: Evaluation[Name] }

/** Adds a document's sums, and gives how many of its tokens were scored. */
async function evaluateDocument(
  model: Model,
  spans: readonly DocumentSpan[],
  options: EvaluationOptions,
  sums: Sums,
): Promise<number> {
  const { decode, maxTokens = Infinity, signal, onProgress } = options
  const ids = spans.flatMap((span) => span.ids)
  const isScored = scoredIndices(spans, ids.length)
  const before = sums.tokens
  let end = 0
  for await (const { index, logprob } of scoreTokens(model, ids, options, isScored)) {
    sums.nats -= logprob
    end = index + 1
    if (++sums.tokens % CHUNK === 0) onProgress?.(sums)
    if (sums.tokens >= maxTokens || signal?.aborted) break
  }
  sums.bytes += scoredBytes(spans, end, decode)
  return sums.tokens - before
}

function scoredIndices(spans: readonly DocumentSpan[], length: number): (index: number) => boolean {
  const mask = new Uint8Array(length)
  let start = 0
  for (const { ids, isScored } of spans) {
    if (isScored) mask.fill(1, start, start + ids.length)
    start += ids.length
  }
  return (index) => mask[index] === 1
}

/** Bytes of the scored spans' tokens from the second of the document on, up to the index `end`. */
function scoredBytes(
  spans: readonly DocumentSpan[],
  end: number,
  decode: EvaluationOptions['decode'],
): number {
  let bytes = 0
  let start = 0
  for (const { ids, isScored, bytes: whole } of spans) {
    const part = ids.slice(Math.max(1 - start, 0), Math.max(end - start, 0))
    if (isScored) bytes += part.length === ids.length ? whole : Buffer.byteLength(decode(part))
    start += ids.length
  }
  return bytes
}
