import type { Graph, Value } from '../../onnx/graph.js'
import { Layers, type ParameterSource } from '../decoder/layers.js'
import { headName } from '../parameters.js'
import type { DecoderSpec } from '../spec.js'
import { type MedusaSpec, TOKEN_NORM, tokensName } from './medusa.js'

/** Candidates of each head that the graph gives: Medusa's TOPK. */
export const CANDIDATES = 10

/**
 * The graph of Medusa's heads for decoding.
 *
 * Inputs: `hidden` float32 [1, hidden], the model's final hidden state. Outputs, for each head its best tokens, most
 * probable first: `tokens` int64 [1, heads, CANDIDATES] and `log_probabilities` float32 of the same shape.
 * @param source of the heads' parameters by their names in a checkpoint, and of the target's vocabulary matrix by HF's
 */
export function medusaGraph(spec: DecoderSpec, source: ParameterSource, medusa: MedusaSpec): Graph {
  return new MedusaBuilder(spec, source, 'appended').build(medusa)
}

/**
 * The graph of one sequential head.
 *
 * Inputs: `hidden` float32 [1, 1, hidden], the model's final hidden state, and `embeddings` float32 [1, P · (head + 1), hidden] of the
 * tokens of P paths. Outputs as those of `candidatesGraph`; without a vocabulary matrix of the head's own its `states` float32
 * [1, P, hidden].
 */
export function sequentialHeadGraph(
  spec: DecoderSpec,
  source: ParameterSource,
  medusa: MedusaSpec,
  head: number,
): Graph {
  return new MedusaBuilder(spec, source, 'appended').buildSequential(medusa, head)
}

/**
 * The graph of a vocabulary matrix that sequential heads share with their target.
 *
 * Input: `states` float32 [1, P, hidden]. Outputs, the best tokens after each path, most probable first: `tokens` int64 [1, P, CANDIDATES]
 * and `log_probabilities` float32 of the same shape.
 */
export function candidatesGraph(spec: DecoderSpec, source: ParameterSource): Graph {
  return new MedusaBuilder(spec, source, 'appended').buildCandidates()
}

class MedusaBuilder extends Layers {
  build({ heads, layers, ownVocabulary }: MedusaSpec): Graph {
    const { graph, spec } = this
    const { hiddenSize, vocabSize } = spec
    const hidden = graph.input('hidden', 'float32', [1, hiddenSize])
    const states = this.laterBlocks(this.firstBlocks(hidden, heads), heads, layers)
    const logits = ownVocabulary
      ? this.ofEach(states, heads, (state, head) =>
          this.linear(state, `${head}.${layers}.weight`, vocabSize, hiddenSize),
        )
      : this.linear(states, headName(spec), vocabSize, hiddenSize)
    return this.candidates(logits, heads)
  }

  buildSequential({ layers, ownVocabulary }: MedusaSpec, head: number): Graph {
    const { graph, spec } = this
    const { hiddenSize, vocabSize } = spec
    const hidden = graph.input('hidden', 'float32', [1, 1, hiddenSize])
    const embeddings = graph.input('embeddings', 'float32', [1, 'T', hiddenSize])
    const width = (head + 1) * hiddenSize
    const given = this.reshape(this.norm(embeddings, TOKEN_NORM), [1, -1, width])
    const ofTokens = this.linear(given, tokensName(head), hiddenSize, width)
    const ofHidden = this.projection(hidden, `${head}.0.linear`, hiddenSize, hiddenSize, true)
    const projected = graph.node('Add', [ofTokens, ofHidden])
    const states = this.furtherBlocks(graph.node('Add', [hidden, this.silu(projected)]), head, layers)
    if (ownVocabulary)
      return this.candidates(this.linear(states, `${head}.${layers}.weight`, vocabSize, hiddenSize), 'P')
    graph.node('Identity', [states], {}, 'states')
    graph.output('states', 'float32', [1, 'P', hiddenSize])
    return graph
  }

  buildCandidates(): Graph {
    const { hiddenSize, vocabSize } = this.spec
    const states = this.graph.input('states', 'float32', [1, 'P', hiddenSize])
    return this.candidates(this.linear(states, headName(this.spec), vocabSize, hiddenSize), 'P')
  }

  /** The best of scores [1, rows, vocab] as outputs. */
  private candidates(logits: Value, rows: number | string): Graph {
    const { graph } = this
    const count = Math.min(CANDIDATES, this.spec.vocabSize)
    graph.output('tokens', 'int64', [1, rows, count])
    graph.output('log_probabilities', 'float32', [1, rows, count])
    const probabilities = graph.node('Softmax', [this.logits(logits)], { axis: -1 })
    const [best] = graph.nodeWith('TopK', [probabilities, graph.constant('int64', [count])], { axis: -1 }, [
      graph.fresh('best'),
      'tokens',
    ])
    graph.node('Log', [best], {}, 'log_probabilities')
    return graph
  }

  /** x + SiLU(W x + b) of all heads at once, whose x is the same. [1, hidden] → [1, heads, hidden]. */
  private firstBlocks(hidden: Value, heads: number): Value {
    const { graph } = this
    const { hiddenSize } = this.spec
    const joined = (name: string, shape: number[]) =>
      graph.node(
        'Concat',
        Array.from({ length: heads }, (_, head) => this.parameter(`${head}.0.linear.${name}`, shape)),
        { axis: 0 },
      )
    const inputs = [hidden, joined('weight', [hiddenSize, hiddenSize]), joined('bias', [hiddenSize])]
    const projected = this.reshape(graph.node('Gemm', inputs, { transB: 1 }), [1, heads, hiddenSize])
    return graph.node('Add', [this.reshape(hidden, [1, 1, hiddenSize]), this.silu(projected)])
  }

  private laterBlocks(states: Value, heads: number, layers: number): Value {
    if (layers === 1) return states
    return this.ofEach(states, heads, (state, head) => this.furtherBlocks(state, head, layers))
  }

  /** A head's blocks after its first one. */
  private furtherBlocks(state: Value, head: number, layers: number): Value {
    const { hiddenSize } = this.spec
    let x = state
    for (let layer = 1; layer < layers; layer++) {
      const projected = this.projection(x, `${head}.${layer}.linear`, hiddenSize, hiddenSize, true)
      x = this.graph.node('Add', [x, this.silu(projected)])
    }
    return x
  }

  /** What comes of the state of each head, [1, 1, hidden] → [1, 1, width]: of all [1, heads, width]. */
  private ofEach(states: Value, heads: number, change: (state: Value, head: number) => Value): Value {
    if (heads === 1) return change(states, 0)
    const { graph } = this
    const sizes = graph.constant('int64', Array(heads).fill(1))
    const outputs = Array.from({ length: heads }, () => graph.fresh('head'))
    return graph.node('Concat', graph.nodeWith('Split', [states, sizes], { axis: 1 }, outputs).map(change), {
      axis: 1,
    })
  }
}
