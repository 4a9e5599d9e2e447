import type { Graph, Value } from '../../onnx/graph.js'
import { headName } from '../parameters.js'
import type { DecoderSpec } from '../spec.js'
import { CachedAttention } from './cached-attention.js'
import type { CacheLayout, ParameterSource } from './layers.js'
import { addShortlist } from './shortlist.js'

/**
 * The graph of a decoder-only transformer over a token tree.
 *
 * Inputs: `input_ids` int64 [1, T]; `rows` int64 [R], the tokens whose results are wanted; `mask` float32 [T, S], added
 * to the attention scores (0 for a token's ancestors and itself, a large negative number elsewhere); `cos` and `sin`
 * float32 [T, headDim / 2], the rotary tables of the tokens' positions (`rotaryTables`), times the square root of the
 * attention scale, which queries and keys thereby share; `sliding_mask`, `sliding_cos` and `sliding_sin`, the same for
 * sliding layers, where there are any; `query_scale` float32 [T, 1], where queries are scaled by their position; `positions` int64
 * [1, T], where they are learned; by layer `past_key.i` and `past_value.i`, [kvHeads, 1, S or S - T, headDim], on the device
 * [1, kvHeads, C, headDim] with C columns that are there, at least S;
 * for a cache on the device the columns in use, S of the mask, the new ones included: `columns` int32 [1], and `last_column` int32 [1],
 * one less; and without exits those of `addShortlist`, which tells of its outputs, too. For a cache in pages the T tokens are those
 * of B sequences, up to n of each: `mask` [B, n, M * PAGE + n], of the sequence's pages and then of its new tokens; `past_key.i` and
 * `past_value.i`, [P, kvHeads, PAGE, headDim]; and the inputs of `pagedPlaces`. Where layers are short convolutions these have
 * `past_conv.i` in the place of keys and values, a row of the hidden size without heads ([1, 1, S, hidden] and so on), and there are
 * `conv_past` int64 [N], the earlier rows that the tokens read, of all rows of the cache as one list; `conv_window` int64 [kernel, T],
 * the rows of which each token is made, its own last, of a row of zeros, the T new ones and the N earlier ones; and for a cache on the
 * device `conv_places` int64 [1, 1, T, 3], where the new rows go.
 *
 * Outputs: `logits` float32 [1, (1 + exits) * R, vocab], first those of the wanted tokens, then those of each early exit;
 * `hidden` float32 [1, T, hidden], after the final norm, and `residual` of the same shape, before it; where there are exits,
 * `exits` float32 [1, exits * R, hidden], not normed (HF's `hidden_states`, and `lm_head` of it); by tapped layer `tap.i`, of the shape
 * of `hidden`, not normed; keys (rotated) and
 * values, of the source's type: in place by layer and key-value head the new rows `key.i.h` and `value.i.h`, [1, T, headDim];
 * appended by layer the new rows `key.i` and `value.i`, [kvHeads, 1, T, headDim], in pages the same as [1, T, kvHeads * headDim]; for a
 * cache on the device by layer all rows, `present_key.i` and `present_value.i`, [1, kvHeads, C, headDim]. Convolutions give `conv.i.0`, `conv.i`
 * and `present_conv.i` likewise.
 */
export function decoderGraph(
  spec: DecoderSpec,
  source: ParameterSource,
  layout: CacheLayout,
  inner: InnerStates = {},
): Graph {
  return new DecoderBuilder(spec, source, layout).build(inner)
}

/** What a graph gives of its layers, numbered as HF's `hidden_states`: 0 for the embedding, L for what follows layer L of 1 … */
export interface InnerStates {
  /** Early exits: states and scores of the wanted tokens. */
  readonly exits?: readonly number[]
  /** Layers before the last whose states of all tokens can be fetched. */
  readonly taps?: readonly number[]
}

/** What the blocks of a graph make of its tokens, [1, T, hidden]. */
export interface Trunk {
  /** What each block is given. */
  readonly inputs: readonly Value[]
  /** What the last one gives. */
  readonly output: Value
  /** The same normed: what the vocabulary projection is given. */
  readonly normed: Value
}

/** Builds graphs over token trees. */
export class DecoderBuilder extends CachedAttention {
  build({ exits = [], taps = [] }: InnerStates = {}): Graph {
    const { graph, spec } = this
    const { vocabSize, hiddenSize } = spec
    // Declared first: the binding mixes up names where the outputs that are always there come last.
    graph.output('logits', 'float32', [1, exits.length > 0 ? 'results' : 'R', vocabSize])
    const tapNames = taps.map((layer) => `tap.${layer}`)
    for (const name of ['hidden', 'residual', ...tapNames])
      graph.output(name, 'float32', [1, 'T', hiddenSize])
    if (exits.length > 0) graph.output('exits', 'float32', [1, 'early', hiddenSize])
    const rows = graph.input('rows', 'int64', ['R'])
    this.declareShared()
    const { inputs, output, normed } = this.trunk()
    graph.cast(normed, this.type, 'float32', 'hidden')
    graph.cast(output, this.residualType, 'float32', 'residual')
    for (const [i, layer] of taps.entries())
      graph.cast(inputs[layer], this.residualType, 'float32', tapNames[i])
    const gather = (state: Value) => graph.node('Gather', [state, rows], { axis: 1 })
    const state = (exit: number) =>
      exit < inputs.length ? graph.cast(inputs[exit], this.residualType, this.type) : normed
    const early = exits.map((exit) => gather(state(exit)))
    let asked = gather(normed)
    if (early.length > 0) {
      const states = graph.node('Concat', early, { axis: 1 }, this.computed('exits'))
      asked = graph.node('Concat', [asked, states], { axis: 1 })
    }
    this.project(asked, this.computed('logits'))
    if (this.layout === 'device' && exits.length === 0) addShortlist(graph, 'logits', vocabSize)
    return graph
  }

  /** The vocabulary projection of states, as logits. */
  private project(states: Value, output: string): void {
    const { graph, spec } = this
    const { logitDivisor, logitSoftcap } = spec
    const isScaled = logitDivisor !== undefined || logitSoftcap !== undefined
    const projected = isScaled ? graph.fresh('projected') : output
    this.linear(states, headName(spec), spec.vocabSize, spec.hiddenSize, { output: projected })
    // Weights are packed in the order of the nodes, each beside its original for a moment: the largest goes first.
    graph.nodes.unshift(graph.nodes.pop()!)
    if (isScaled) graph.node('Identity', [this.logits(projected)], {}, output)
  }

  /** The name of what is computed as an output, which is float32: its own, or that of what is cast to it. */
  private computed(output: string): Value {
    if (this.type === 'float32') return output
    const value = this.graph.fresh(output)
    this.graph.cast(value, this.type, 'float32', output)
    return value
  }

  protected trunk(): Trunk {
    const ids = this.graph.input('input_ids', 'int64', [1, 'T'])
    return this.blocks(this.input(ids), this.blockNames(), 'model.norm')
  }
}
