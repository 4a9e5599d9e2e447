import type { Graph } from '../../onnx/graph.js'
import { DecoderBuilder, type Trunk } from '../decoder/decoder.js'
import type { CacheLayout, ParameterSource } from '../decoder/layers.js'
import type { DecoderSpec } from '../spec.js'
import { moduleKind, moduleName } from './mtp.js'

/** One of the modules of multi-token prediction, as its graph needs it. */
export interface MtpModuleSpec {
  /** The common name of its parameters, `model.layers.N`. */
  readonly name: string
  readonly hiddenStatesFirst: boolean
}

/** What the cache and graph of modules have the shape of: a model with a layer for each that runs in one pass. */
export function moduleShape(spec: DecoderSpec, modules = 1): DecoderSpec {
  // Modules are given embeddings or states, and no positions.
  const layers = Array.from({ length: modules }, () => moduleKind(spec))
  return { ...spec, layers, learnedPositions: undefined }
}

/**
 * The graph of a DeepSeek-V3 module over a token tree: as `decoderGraph`, but in the place of `input_ids` it is given
 * `embeddings` float32 [1, T, hidden] of the tokens and `states` float32 [1, T, hidden], the hidden state before each;
 * its output `residual` is what the next depth is given as `states`.
 */
export function mtpGraph(
  spec: DecoderSpec,
  source: ParameterSource,
  layout: CacheLayout,
  module: MtpModuleSpec,
): Graph {
  return new MtpBuilder(moduleShape(spec), source, layout, module).build()
}

class MtpBuilder extends DecoderBuilder {
  constructor(
    spec: DecoderSpec,
    source: ParameterSource,
    layout: CacheLayout,
    private readonly module: MtpModuleSpec,
  ) {
    super(spec, source, layout)
  }

  protected override trunk(): Trunk {
    const { graph } = this
    const { hiddenSize } = this.spec
    const { name, hiddenStatesFirst } = this.module
    const [e, h] = (['embeddings', 'states'] as const).map((input) => {
      const value = graph.input(input, 'float32', [1, 'T', hiddenSize])
      return this.norm(value, `${name}.${input === 'states' ? 'hnorm' : 'enorm'}.weight`)
    })
    const both = graph.node('Concat', hiddenStatesFirst ? [h, e] : [e, h], { axis: 2 })
    const input = this.linear(both, `${name}.eh_proj.weight`, hiddenSize, 2 * hiddenSize)
    return this.blocks(input, [{ name, kind: moduleKind(this.spec) }], `${name}.shared_head.norm`)
  }
}

/**
 * The graph of Meta's parallel heads over a token tree: as `decoderGraph`, but in the place of `input_ids` it is given
 * `states` float32 [1, T, hidden], the `residual` of the model. The results are those of the first head; those of the other
 * ones stand where early exits do.
 */
export function parallelMtpGraph(
  spec: DecoderSpec,
  source: ParameterSource,
  layout: CacheLayout,
  heads: number,
): Graph {
  const names = Array.from({ length: heads }, (_, head) => moduleName(spec, head))
  const builder = new ParallelMtpBuilder(moduleShape(spec, heads), source, layout, names)
  return builder.build({ exits: furtherHeads(heads) })
}

/** The early exits of the graph: the heads after the first one. */
export function furtherHeads(heads: number): number[] {
  return Array.from({ length: heads - 1 }, (_, exit) => exit)
}

class ParallelMtpBuilder extends DecoderBuilder {
  constructor(
    spec: DecoderSpec,
    source: ParameterSource,
    layout: CacheLayout,
    /** The common names of the heads' parameters. */
    private readonly names: readonly string[],
  ) {
    super(spec, source, layout)
  }

  protected override trunk(): Trunk {
    const states = this.graph.input('states', 'float32', [1, 'T', this.spec.hiddenSize])
    const [first, ...others] = this.names.map((name, head) =>
      this.blocks(states, [{ name, kind: moduleKind(this.spec) }], 'model.norm', head),
    )
    return { ...first, inputs: others.map(({ normed }) => normed) }
  }
}
