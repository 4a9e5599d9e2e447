import {
  MEDUSA_PREFIX,
  type MedusaSpec,
  medusaParameters,
  TOKEN_NORM,
  tokensName,
} from '../../models/heads/medusa.js'
import type { Value } from '../../onnx/graph.js'
import { HeadDecoder, type Predictions } from './head-decoder.js'

/** A decoder with Medusa's heads. */
export class MedusaDecoder extends HeadDecoder<MedusaSpec> {
  /**
   * Medusa's heads on the final hidden states: head k, from 0, predicts the token k + 2 places on (Cai et al.
   * 2024, section 2.1.1): blocks of x + SiLU(W x + b), and a vocabulary matrix. The first block of a sequential head is
   * x + SiLU(W x + U t + b), where t is the normed embeddings of the k + 1 tokens before the one that it guesses, one after the other.
   * @param ahead the tokens 1, 2, … places on, int32 [1, N] each, for sequential heads
   */
  override predictions(medusa: MedusaSpec, ahead: readonly Value[]): Predictions {
    const { graph } = this
    const hidden = this.hidden()
    const shapes = new Map(medusaParameters(medusa, this.spec).map(({ name, shape }) => [name, shape]))
    const parameter = (name: string) => this.parameter(MEDUSA_PREFIX + name, [...shapes.get(name)!])
    const tokens = ahead.map((ids) => this.rows(this.norm(this.embed(ids), MEDUSA_PREFIX + TOKEN_NORM)))
    const beyond = Array.from({ length: medusa.heads }, (_, head) => {
      let x = hidden
      for (let layer = 0; layer < medusa.layers; layer++) {
        const name = `${head}.${layer}.linear`
        const inputs = [x, parameter(`${name}.weight`), parameter(`${name}.bias`)]
        let projected = graph.node('Gemm', inputs, { transB: 1 })
        if (medusa.sequential && layer === 0) {
          const given = head === 0 ? tokens[0] : graph.node('Concat', tokens.slice(0, head + 1), { axis: 1 })
          const ofTokens = graph.node('Gemm', [given, parameter(tokensName(head))], { transB: 1 })
          projected = graph.node('Add', [projected, ofTokens])
        }
        x = graph.node('Add', [x, this.silu(projected)])
      }
      if (!medusa.ownVocabulary) return this.vocabularyProjection(x, medusa)
      return { hidden: x, weight: parameter(`${head}.${medusa.layers}.weight`), scale: this.spec }
    })
    return { hidden, beyond }
  }
}
