import { type MtpSpec, moduleKind, moduleName } from '../../models/heads/mtp.js'
import type { Value } from '../../onnx/graph.js'
import { HeadDecoder, type Predictions } from './head-decoder.js'

/** A decoder that predicts several tokens. */
export class MtpDecoder extends HeadDecoder<MtpSpec> {
  /** @param ahead the tokens 1, 2, … depth places on, int32 [1, N] each; parallel heads need none */
  override predictions(mtp: MtpSpec, ahead: readonly Value[]): Predictions {
    const trunk = this.trunk()
    const states = mtp.parallel ? this.parallelHeads(trunk.output, mtp) : this.chain(trunk.normed, mtp, ahead)
    const beyond = states.map((state) => this.vocabularyProjection(this.rows(state), mtp))
    return { hidden: this.rows(trunk.normed), beyond }
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
      const { output, normed } = this.blocks(
        input,
        [{ name, kind: moduleKind(this.spec) }],
        `${name}.shared_head.norm`,
      )
      previous = output
      return normed
    })
  }

  /** A block each on what the trunk's last block gives, all normed by the final norm. */
  private parallelHeads(output: Value, { modules }: MtpSpec): Value[] {
    return Array.from({ length: modules }, (_, module) => {
      const name = moduleName(this.spec, module)
      return this.blocks(output, [{ name, kind: moduleKind(this.spec) }], 'model.norm').normed
    })
  }
}
