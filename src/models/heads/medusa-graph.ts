import type { Graph, Value } from '../../onnx/graph.js'
import { Layers, type ParameterSource } from '../layers.js'
import { headName } from '../parameters.js'
import type { DecoderSpec } from '../spec.js'
import type { MedusaSpec } from './medusa.js'

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

class MedusaBuilder extends Layers {
  build({ heads, layers, ownVocabulary }: MedusaSpec): Graph {
    const { graph, spec } = this
    const { hiddenSize, vocabSize } = spec
    const count = Math.min(CANDIDATES, vocabSize)
    graph.output('tokens', 'int64', [1, heads, count])
    graph.output('log_probabilities', 'float32', [1, heads, count])
    const hidden = this.reshape(graph.input('hidden', 'float32', [1, hiddenSize]), [1, 1, hiddenSize])
    const states = Array.from({ length: heads }, (_, head) => this.blocks(hidden, head, layers))
    const project = (x: Value, name: string) => this.linear(x, name, vocabSize, hiddenSize)
    const logits = ownVocabulary
      ? this.stack(states.map((state, head) => project(state, `${head}.${layers}.weight`)))
      : project(this.stack(states), headName(spec))
    const [values] = graph.nodeWith('TopK', [logits, graph.constant('int64', [count])], { axis: -1 }, [
      graph.fresh('best'),
      'tokens',
    ])
    const total = graph.node('ReduceLogSumExp', [logits, graph.constant('int64', [-1])], { keepdims: 1 })
    graph.node('Sub', [values, total], {}, 'log_probabilities')
    return graph
  }

  /** x + SiLU(W x + b), once or several times. */
  private blocks(hidden: Value, head: number, layers: number): Value {
    const { hiddenSize } = this.spec
    let x = hidden
    for (let layer = 0; layer < layers; layer++) {
      const projected = this.projection(x, `${head}.${layer}.linear`, hiddenSize, hiddenSize, true)
      x = this.graph.node('Add', [x, this.silu(projected)])
    }
    return x
  }

  /** [1, 1, width] each → [1, n, width]. */
  private stack(values: Value[]): Value {
    return values.length === 1 ? values[0] : this.graph.node('Concat', values, { axis: 1 })
  }
}
