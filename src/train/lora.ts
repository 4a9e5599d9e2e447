import { join } from 'node:path'
import { makeDirectory, writeJson } from '../files.js'
import { elements } from '../onnx/shapes.js'
import { createRandom } from '../random.js'
import type { Weights } from '../weights/index.js'
import { addLowRank } from '../weights/low-rank.js'
import { type WrittenTensor, writeSafetensors } from '../weights/safetensors-writer.js'
import { type AdaptedLayer, Lora, moduleOf } from './graphs/lora.js'

export { Lora }

/**
 * Adapters that change nothing yet, as PEFT begins: A uniform within ±1/√in (PyTorch's `kaiming_uniform_` with a = √5),
 * B zero.
 * @param seed an integer in [0, 2^53)
 */
export function initialAdapters(lora: Lora, seed: number): Weights {
  const random = createRandom(seed)
  const weights: Weights = new Map()
  for (const { a, b } of lora.layers.values()) {
    const bound = 1 / Math.sqrt(a.shape[1])
    weights.set(
      a.name,
      Float32Array.from({ length: elements(a.shape) }, () => bound * (2 * random() - 1)),
    )
    weights.set(b.name, new Float32Array(elements(b.shape)))
  }
  return weights
}

/** The weights of a model with its adapters merged into it: W + α/r · B A. What is not adapted is not copied. */
export function mergeAdapters(lora: Lora, weights: Weights): Weights {
  const merged = new Map(weights)
  for (const layer of lora.layers.values()) {
    merged.set(layer.weight.name, mergedWeight(layer, weights, lora.scale))
  }
  for (const { name } of lora.parameters()) merged.delete(name)
  return merged
}

function mergedWeight({ weight, a, b }: AdaptedLayer, weights: Weights, scale: number): Float32Array {
  const merged = weights.get(weight.name)!.slice()
  const [narrow, wide] = [weights.get(a.name)!, weights.get(b.name)!]
  addLowRank(merged, weight.shape[1], { narrow, wide, rank: a.shape[0], scale })
  return merged
}

/**
 * Writes adapters as PEFT's `save_pretrained` does: adapter_model.safetensors and adapter_config.json.
 * @param base name or path of the model that they adapt
 * @throws UserError where they cannot be written
 */
export async function writeAdapter(
  directory: string,
  lora: Lora,
  weights: Weights,
  base: string,
): Promise<void> {
  await makeDirectory(directory)
  const tensors = lora.parameters().map(({ name, shape }): [string, WrittenTensor] => {
    return [`base_model.model.${name}`, { dtype: 'F32', shape: [...shape], values: weights.get(name)! }]
  })
  await writeSafetensors(join(directory, 'adapter_model.safetensors'), new Map(tensors), { format: 'pt' })
  await writeJson(join(directory, 'adapter_config.json'), adapterConfig(lora, base))
}

/** PEFT's LoraConfig. */
function adapterConfig({ settings, layers }: Lora, base: string) {
  const { rank, alpha, targetModules } = settings
  const adapted = [...layers.keys()].map((name) => moduleOf(name).split('.').at(-1)!)
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: base,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    target_modules: targetModules === 'all-linear' ? [...new Set(adapted)] : targetModules,
    bias: 'none',
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
  }
}
