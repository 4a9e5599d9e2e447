import { UserError } from '../errors.js'
import type { Lacks } from '../model/model.js'
import type { GraphSignature, ValueSignature } from './signature.js'

/** A tensor of a graph's cache, [batch, …]. */
export interface CacheTensor {
  readonly input: string
  readonly output: string
  /** The axis along which tokens lie; undefined for a state of all of them, which cannot be cut. */
  readonly axis: number | undefined
  /** Bytes that a token takes; 0 for a state. */
  readonly bytesPerToken: number
}

/** How a graph in transformers.js's layout is run. */
export interface ExportedGraph {
  readonly cache: readonly CacheTensor[]
  /** Scores by token; undefined where the file leaves it open. */
  readonly vocabSize: number | undefined
  /** Whether it gives the scores of just so many of a pass's last tokens (`num_logits_to_keep`). */
  readonly keepsLogits: boolean
  /** Whether it gives the last hidden states (`hidden_states`, as onnxruntime-genai writes them). */
  readonly givesStates: boolean
  /** Whether rows of a batch may have no more than a token each after a past: GroupQueryAttention takes no more. */
  readonly isGrouped: boolean
  /** Whether part of its cache is a state that tokens cannot be taken out of. */
  readonly isRecurrent: boolean
}

/** What a pass is given beside the cache. */
const INPUTS = ['input_ids', 'attention_mask', 'position_ids', 'num_logits_to_keep', 'use_cache_branch']
const STATES = 'hidden_states'
const [FLOAT32, FLOAT16] = [1, 10]
/** Bytes of an element by TensorProto.DataType, where it is not four. */
const SIZES: Readonly<Record<number, number>> = { 2: 1, 3: 1, 7: 8, 10: 2, 11: 8, 16: 2 }

/**
 * @param path of the file, for messages
 * @throws UserError for a graph that is no decoder with a cache, or is given what there is nothing for
 */
export function exportedGraph(
  { inputs, outputs, operators }: Omit<GraphSignature, 'externalData'>,
  path: string,
): ExportedGraph {
  const refuse = (why: string) => new UserError(`${path} cannot be decoded with: ${why}.`)
  const past = inputs.filter(({ name }) => name.startsWith('past'))
  const other = inputs.find(({ name }) => !name.startsWith('past') && !INPUTS.includes(name))
  if (other) throw refuse(`its graph wants the input ${other.name}, which is not served`)
  if (!inputs.some(({ name }) => name === 'input_ids')) throw refuse('its graph takes no input_ids')
  if (past.length === 0) throw refuse('its graph takes no past keys and values: export it with a cache')
  const logits = outputs.find(({ name }) => name === 'logits')
  if (!logits) throw refuse('its graph gives no logits: export it as a causal language model')
  if (logits.type !== FLOAT32 && logits.type !== FLOAT16) throw refuse('its logits are no floats')
  const names = new Set(outputs.map(({ name }) => name))
  const cache = past.map((input): CacheTensor => {
    const output = outputOf(input.name, names)
    if (!output) throw refuse(`nothing that its graph gives goes on from the input ${input.name}`)
    if (typeof input.shape[0] === 'string' && input.shape[0].includes(' x '))
      throw refuse(`its cache has batch and heads in one (${input.name})`)
    const axis = tokenAxis(input)
    return { input: input.name, output, axis, bytesPerToken: axis === undefined ? 0 : bytesPerToken(input) }
  })
  const vocabSize = logits.shape.at(-1)
  return {
    cache,
    vocabSize: typeof vocabSize === 'number' ? vocabSize : undefined,
    keepsLogits: inputs.some(({ name }) => name === 'num_logits_to_keep'),
    givesStates: names.has(STATES),
    isGrouped: operators.has('GroupQueryAttention'),
    isRecurrent: cache.some(({ axis }) => axis === undefined),
  }
}

/** What strategies cannot have of it. */
export function lacksOf({ givesStates, isRecurrent }: ExportedGraph): Lacks {
  return {
    graph: 'it is run from an export to ONNX',
    ...(!givesStates && { states: 'its export to ONNX gives none' }),
    ...(isRecurrent && { trees: 'it keeps a state that no token can be taken out of' }),
  }
}

/** transformers.js's rule: `present` goes on as `past_key_values`, and other states as `past`. */
function outputOf(input: string, outputs: ReadonlySet<string>): string | undefined {
  return [/^past_key_values/, /^past/]
    .map((stem) => input.replace(stem, 'present'))
    .find((name) => name !== input && outputs.has(name))
}

/** Keys and values of attention are those of each token; of all else there is one for all of them. */
function tokenAxis({ name, shape }: ValueSignature): number | undefined {
  if (!/\.(key|value|key_value)$/.test(name) || !name.startsWith('past_key_values')) return undefined
  const named = shape.findIndex(
    (size, axis) => axis > 0 && typeof size === 'string' && /past|seq|len/i.test(size),
  )
  return named > 0 ? named : shape.length - 2
}

function bytesPerToken({ shape, type }: ValueSignature): number {
  const sizes = shape.slice(1).filter((size) => typeof size === 'number' && size > 0) as number[]
  return sizes.reduce((product, size) => product * size, SIZES[type] ?? 4)
}
