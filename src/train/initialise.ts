import { type Parameter, parametersOf } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { elements } from '../onnx/shapes.js'
import { createRandom } from '../random.js'
import type { Weights } from '../weights/index.js'

/**
 * Weights to begin a decoder's training with: norms 1 (0 where the family adds 1), biases 0, matrices normal with
 * standard deviation sqrt(2 / 5 hidden) (Nguyen and Salazar 2019, "SmallInit"), those that write to the residual stream
 * divided by sqrt(2 layers) (Radford et al. 2019).
 * @param seed an integer in [0, 2^53)
 */
export function initialWeights(spec: DecoderSpec, seed: number): Weights {
  const gaussian = normal(createRandom(seed))
  return new Map(parametersOf(spec).map((parameter) => [parameter.name, initial(parameter, spec, gaussian)]))
}

function initial({ name, kind, shape }: Parameter, spec: DecoderSpec, gaussian: () => number): Float32Array {
  const values = new Float32Array(elements(shape))
  if (kind === 'vector') return values.fill(name.endsWith('.bias') ? 0 : 1 - spec.normOffset)
  const writes = /\.(o_proj|out_proj|down_proj)\.weight$/.test(name)
  const deviation = Math.sqrt(2 / (5 * spec.hiddenSize)) / (writes ? Math.sqrt(2 * spec.layers.length) : 1)
  for (let i = 0; i < values.length; i++) values[i] = gaussian() * deviation
  return values
}

/** Standard normal numbers by the Box-Muller transform. */
export function normal(random: () => number): () => number {
  let spare: number | undefined
  return () => {
    if (spare !== undefined) {
      const value = spare
      spare = undefined
      return value
    }
    const radius = Math.sqrt(-2 * Math.log(1 - random()))
    const angle = 2 * Math.PI * random()
    spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
}
