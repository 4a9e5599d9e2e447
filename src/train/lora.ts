import { join } from 'node:path'
import { makeDirectory, writeJson } from '../files.js'
import { type StoredLayout, type StoredRows, storedRows } from '../models/layout.js'
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
 * @param layout how its checkpoint holds the projections, whose modules PEFT adapts
 * @throws UserError where they cannot be written
 */
export async function writeAdapter(
  directory: string,
  lora: Lora,
  weights: Weights,
  base: string,
  layout: StoredLayout = {},
): Promise<void> {
  await makeDirectory(directory)
  const modules = adaptedModules(lora, layout)
  const tensors = [...modules].flatMap(([module, parts]): [string, WrittenTensor][] => {
    const { a, b } = joined(parts, weights)
    return [
      [`base_model.model.${module}.lora_A.weight`, a],
      [`base_model.model.${module}.lora_B.weight`, b],
    ]
  })
  await writeSafetensors(join(directory, 'adapter_model.safetensors'), new Map(tensors), { format: 'pt' })
  await writeJson(join(directory, 'adapter_config.json'), adapterConfig(lora, modules, base))
}

interface Part {
  readonly layer: AdaptedLayer
  readonly place: StoredRows
}

/** The adapted projections by the modules of a checkpoint, several where these are fused. */
function adaptedModules({ spec, layers }: Lora, layout: StoredLayout): Map<string, Part[]> {
  const places = storedRows(spec, layout)
  const modules = new Map<string, Part[]>()
  for (const layer of layers.values()) {
    const place = places.get(layer.weight.name)!
    const module = moduleOf(place.tensor)
    modules.set(module, [...(modules.get(module) ?? []), { layer, place }])
  }
  return modules
}

/** One adapter for all parts of a module: their ranks side by side, and rows where the checkpoint has them. */
function joined(parts: readonly Part[], weights: Weights): { a: WrittenTensor; b: WrittenTensor } {
  const [{ layer, place }] = parts
  const [rank, columns] = layer.a.shape
  const rows = place.shape[place.transposed ? 1 : 0]
  const whole = rank * parts.length
  const [narrow, wide] = [new Float32Array(whole * columns), new Float32Array(rows * whole)]
  for (const [part, { layer: own, place: at }] of parts.entries()) {
    narrow.set(weights.get(own.a.name)!, part * rank * columns)
    const values = weights.get(own.b.name)!
    for (let row = 0; row * rank < values.length; row++) {
      const target = at.rows?.[row] ?? row
      wide.set(values.subarray(row * rank, (row + 1) * rank), target * whole + part * rank)
    }
  }
  return {
    a: { dtype: 'F32', shape: [whole, columns], values: narrow },
    b: { dtype: 'F32', shape: [rows, whole], values: wide },
  }
}

/** PEFT's LoraConfig; modules of several adapted projections have a rank, and an alpha, of as many times. */
function adapterConfig({ settings }: Lora, modules: ReadonlyMap<string, readonly Part[]>, base: string) {
  const { rank, alpha, targetModules } = settings
  const all = [...modules]
  const isNamed = all.every(([module, [{ layer }]]) => module === moduleOf(layer.weight.name))
  const targets =
    targetModules !== 'all-linear' && isNamed
      ? targetModules
      : [...new Set(all.map(([module]) => nameIn(module, targetModules !== 'all-linear')))]
  const fused = all.filter(([, parts]) => parts.length > 1)
  const pattern = (value: number) =>
    Object.fromEntries(
      fused.map(([module, parts]) => [`^${module.replaceAll('.', '\\.')}`, value * parts.length]),
    )
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: base,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: 0,
    target_modules: targets,
    ...(fused.length > 0 && { rank_pattern: pattern(rank), alpha_pattern: pattern(alpha) }),
    bias: 'none',
    fan_in_fan_out: all.some(([, [{ place }]]) => place.transposed),
    init_lora_weights: true,
    inference_mode: true,
  }
}

/** A module's last name, or its whole name where others of that name may not be adapted. */
function nameIn(module: string, isWhole: boolean): string {
  return isWhole ? module : module.split('.').at(-1)!
}
