import { MTP } from '../../heads/kinds.js'
import { type MtpSpec, mtpParameters } from '../../models/heads/mtp.js'
import { elements } from '../../onnx/shapes.js'
import { createRandom } from '../../random.js'
import { MtpDecoder } from '../graphs/mtp-decoder.js'
import { normal } from '../initialise.js'
import { headObjective, type TrainableHeads } from './heads.js'

/** Multi-token prediction: DeepSeek-V3's modules, or Meta's parallel heads. */
export const MTP_TRAINING: TrainableHeads<MtpSpec> = {
  ...MTP,

  /** Norms 1 (0 where the family adds 1), biases 0, and matrices normal as those of a new decoder. */
  initial(spec, target, _weights, seed) {
    const gaussian = normal(createRandom(seed))
    const deviation = Math.sqrt(2 / (5 * target.hiddenSize))
    return new Map(
      mtpParameters(target, spec).map(({ name, kind, shape }) => {
        const values = new Float32Array(elements(shape))
        if (kind === 'vector') return [name, values.fill(name.endsWith('.bias') ? 0 : 1 - target.normOffset)]
        for (let i = 0; i < values.length; i++) values[i] = gaussian() * deviation
        return [name, values]
      }),
    )
  },

  /**
   * λ / D · Σ cross-entropy at each of D depths (DeepSeek-AI 2024, equations 24 and 25). λ is `joint`, beside the loss of the
   * language model; without it λ is 1, and the loss is that of the modules alone.
   */
  objective(target, spec, options = {}) {
    const count = spec.parallel ? spec.modules : spec.depth
    return headObjective(target, spec, options, {
      Decoder: MtpDecoder,
      count,
      tokensGiven: spec.parallel ? 0 : count,
      factors: Array(count).fill((options.joint ?? 1) / count),
    })
  },
}
