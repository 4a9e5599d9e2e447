import type { Value } from '../../onnx/graph.js'
import { expertName, FUSED, STACKED } from '../parameters.js'
import type { Experts } from '../spec.js'
import { allExperts, routedExperts, type StackedExperts, stackedExperts } from './experts.js'
import { Layers } from './layers.js'

/** What follows attention in a block: an MLP, or a mixture of them. */
export class Mlps extends Layers {
  /** @param module the common name of its parameters */
  protected mlp(x: Value, module: string, experts: Experts | undefined): Value {
    return experts ? this.mixture(x, module, experts) : this.plainMlp(x, module, this.spec.intermediateSize)
  }

  private plainMlp(x: Value, module: string, width: number): Value {
    const { hiddenSize, bias, mlp } = this.spec
    const inner =
      mlp === 'plain'
        ? this.activated(this.projection(x, `${module}.up_proj`, width, hiddenSize, bias.mlp))
        : this.gated(x, module, width)
    return this.projection(inner, `${module}.down_proj`, hiddenSize, width, bias.mlp)
  }

  /** activation(gate(x)) · up(x). */
  private gated(x: Value, module: string, width: number): Value {
    const { hiddenSize, bias } = this.spec
    const sizes = [width, width]
    const parts = this.projections(x, module, FUSED.gate_up_proj, sizes, hiddenSize, bias.mlp)
    const [gate, up] = this.separate(parts, sizes)
    return this.graph.node('Mul', [this.activated(gate), up])
  }

  private activated(x: Value): Value {
    const { graph } = this
    const { activation } = this.spec
    if (activation === 'silu') return this.silu(x)
    if (activation !== 'relu2')
      return graph.node('Gelu', [x], { approximate: activation === 'gelu_tanh' ? 'tanh' : 'none' })
    const positive = graph.node('Relu', [x])
    return graph.node('Mul', [positive, positive])
  }

  private mixture(x: Value, module: string, experts: Experts): Value {
    const { graph, type } = this
    const { hiddenSize } = this.spec
    const { count, shared } = experts
    const routes = this.projection(x, `${module}.gate`, count, hiddenSize, false)
    const mixed = this.mixed(x, graph.cast(routes, type, 'float32'), module, experts)
    if (!shared) return mixed
    const gate = graph.node('Sigmoid', [
      this.projection(x, `${module}.shared_expert_gate`, 1, hiddenSize, false),
    ])
    const own = this.plainMlp(x, `${module}.shared_expert`, shared.intermediateSize)
    return graph.node('Add', [mixed, graph.node('Mul', [own, gate])])
  }

  /** The sum of a token's experts. @param logits of its router */
  private mixed(x: Value, logits: Value, module: string, experts: Experts): Value {
    const { graph, type } = this
    const { hiddenSize } = this.spec
    const { intermediateSize } = experts
    const stacked = this.stacked(module, experts)
    if (stacked) return stackedExperts(graph, experts, stacked, x, logits)
    const expert = (tokens: Value, index: number) =>
      this.plainMlp(tokens, `${module}.${expertName(index)}`, intermediateSize)
    const mix = this.isOnCpu ? routedExperts : allExperts
    return mix({ graph, experts, type, hiddenSize, expert }, x, logits)
  }

  /** A layer's experts, where they are held as two matrices. */
  private stacked(module: string, { count, intermediateSize }: Experts): StackedExperts | undefined {
    const { graph, source, type, spec } = this
    const matrix = (name: string, rows: number, columns: number) => {
      const data = source.stacked?.(name)
      return data && graph.initializer(name, type, [count, rows, columns], data)
    }
    const gateUp = matrix(`${module}.${STACKED.gateUp}.weight`, 2 * intermediateSize, spec.hiddenSize)
    const down = matrix(`${module}.${STACKED.down}.weight`, spec.hiddenSize, intermediateSize)
    return gateUp && down ? { gateUp, down } : undefined
  }
}
