import type { Value } from '../../onnx/graph.js'
import { BatchDecoder } from '../batch-decoder.js'
import type { Projection } from '../losses.js'
import { blockParameters, type Parameter } from '../parameters.js'
import type { DecoderSpec } from '../spec.js'
import type { DraftVocabulary } from './draft-vocabulary.js'

export interface MtpSpec extends DraftVocabulary {
  /** Tokens beyond the next one that are predicted in training, one after the other. */
  readonly depth: number
  /** Modules; the last one is used again where the depth is greater. Of `parallel` heads there is one for each depth. */
  readonly modules: number
  /** Whether hidden states come before embeddings where both are concatenated (HF's `mtp_hidden_states_first`). */
  readonly hiddenStatesFirst: boolean
  /** Meta's independent heads (Gloeckle et al. 2024) in place of DeepSeek-V3's chain. */
  readonly parallel: boolean
}

/** The common name of a module's parameters: DeepSeek-V3 counts modules as layers after the model's own. */
export function moduleName({ layers }: Pick<DecoderSpec, 'layers'>, module: number): string {
  return `model.layers.${layers.length + module}`
}

/** By DeepSeek-V3's names; embedding and vocabulary matrix are the model's. Parallel heads have a block each, no more. */
export function mtpParameters(spec: DecoderSpec, { modules, parallel }: MtpSpec): Parameter[] {
  const { hiddenSize } = spec
  return Array.from({ length: modules }, (_, module): Parameter[] => {
    const name = moduleName(spec, module)
    const norm = (which: string): Parameter => ({
      name: `${name}.${which}.weight`,
      kind: 'vector',
      shape: [hiddenSize],
    })
    if (parallel) return blockParameters(spec, name)
    return [
      norm('enorm'),
      norm('hnorm'),
      { name: `${name}.eh_proj.weight`, kind: 'linear', shape: [hiddenSize, 2 * hiddenSize] },
      ...blockParameters(spec, name),
      norm('shared_head.norm'),
    ]
  }).flat()
}

/** A decoder that predicts several tokens. */
export class MtpDecoder extends BatchDecoder {
  /**
   * What predicts the next token, and then each one beyond it.
   * @param ahead the tokens 1, 2, … depth places on, int32 [1, N] each; parallel heads need none
   */
  predictions(mtp: MtpSpec, ahead: readonly Value[]): { next: Projection; beyond: Projection[] } {
    const trunk = this.trunk()
    const states = mtp.parallel ? this.parallelHeads(trunk.output, mtp) : this.chain(trunk.normed, mtp, ahead)
    const weight = this.head(mtp)
    const beyond = states.map((state) => ({ hidden: this.rows(state), weight }))
    return { next: { hidden: this.rows(trunk.normed), weight: this.head() }, beyond }
  }

  /**
   * DeepSeek-V3's modules (DeepSeek-AI 2024, equations 21 to 23): each is given what the one before gave, the first one
   * the final hidden states, and the embedding of one more token.
   */
  private chain(hidden: Value, mtp: MtpSpec, ahead: readonly Value[]): Value[] {
    const { graph, spec } = this
    let previous = hidden
    return ahead.map((ids, depth) => {
      const name = moduleName(spec, Math.min(depth, mtp.modules - 1))
      const h = this.norm(previous, `${name}.hnorm.weight`)
      const e = this.norm(this.embed(ids), `${name}.enorm.weight`)
      const both = graph.node('Concat', mtp.hiddenStatesFirst ? [h, e] : [e, h], { axis: 2 })
      const input = this.linear(both, `${name}.eh_proj.weight`, spec.hiddenSize, 2 * spec.hiddenSize)
      const { output, normed } = this.blocks(input, [{ name, kind: 'full' }], `${name}.shared_head.norm`)
      previous = output
      return normed
    })
  }

  /** A block each on what the trunk's last block gives, all normed by the final norm. */
  private parallelHeads(output: Value, { modules }: MtpSpec): Value[] {
    return Array.from({ length: modules }, (_, module) => {
      const name = moduleName(this.spec, module)
      return this.blocks(output, [{ name, kind: 'full' }], 'model.norm').normed
    })
  }
}
