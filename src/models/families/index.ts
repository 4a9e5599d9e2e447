import { UserError } from '../../errors.js'
import { ConfigReader, type Fields } from '../config-reader.js'
import type { StoredLayout } from '../layout.js'
import type { DecoderSpec } from '../spec.js'
import { cohere, cohere2 } from './cohere.js'
import { ernie45 } from './ernie4-5.js'
import { exaone4 } from './exaone4.js'
import type { Family } from './family.js'
import { gemma2 } from './gemma2.js'
import { gemma3 } from './gemma3.js'
import { glm4 } from './glm4.js'
import { gptNeox } from './gpt-neox.js'
import { gpt2 } from './gpt2.js'
import { granite, graniteMoeHybrid } from './granite.js'
import { hunyuanV1Dense } from './hunyuan-v1-dense.js'
import { lfm2 } from './lfm2.js'
import { llama } from './llama.js'
import { ministral, ministral3, mistral } from './mistral.js'
import { mixtral } from './mixtral.js'
import { olmo2, olmo3, olmoe } from './olmo.js'
import { phi3 } from './phi3.js'
import { qwen2Moe, qwen3Moe } from './qwen-moe.js'
import { qwen2 } from './qwen2.js'
import { qwen3 } from './qwen3.js'
import { smollm3 } from './smollm3.js'
import { starcoder2 } from './starcoder2.js'
import { isWithImages, TEXT_MODEL_LAYOUT, textModelFields } from './with-images.js'

/** The families that there is a graph for. */
export const FAMILIES: readonly Family[] = [
  llama,
  mistral,
  ministral,
  ministral3,
  smollm3,
  granite,
  graniteMoeHybrid,
  qwen2,
  qwen3,
  gemma2,
  gemma3,
  olmo2,
  olmo3,
  exaone4,
  phi3,
  glm4,
  ernie45,
  hunyuanV1Dense,
  cohere,
  cohere2,
  gptNeox,
  gpt2,
  starcoder2,
  mixtral,
  qwen2Moe,
  qwen3Moe,
  olmoe,
  lfm2,
]

/** The name of a model's family, for people. */
export function familyName({ family }: Pick<DecoderSpec, 'family'>): string {
  return FAMILIES.find(({ type }) => type === family)!.name
}

/** Fields of config.json that change the text and are not served, whatever their value is. */
const UNSERVED = [
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'per_layer_config',
  'transformers_weights',
  'use_bidirectional_attention',
]

/**
 * Reads HF's config.json, in the field names of transformers 4 and 5, as transformers 5.24 does: which field goes first where
 * several say the same, and what a field that is not there stands for.
 * @param origin where the configuration comes from, for messages
 * @throws UserError for another architecture, or a variant of a known one that is not supported.
 */
export function specFromConfig(values: Fields, origin: string): DecoderSpec {
  const { family, config } = familyOf(values, origin)
  return { family: family.type, ...family.spec(config) }
}

/**
 * How a checkpoint with this config.json holds the parameters; undefined where it has a tensor for each, by its name.
 * @throws UserError as `specFromConfig`
 */
export function layoutFromConfig(values: Fields, origin: string): StoredLayout | undefined {
  const { family, config } = familyOf(values, origin)
  const layout = family.layout?.(config)
  return isWithImages(values) ? { ...layout, ...TEXT_MODEL_LAYOUT } : layout
}

/** A config.json, or what it would be for the text model alone of a model with images. */
export function textModelConfig(values: Fields, origin: string): Fields {
  if (!isWithImages(values)) return values
  const text = textModelFields(values, origin)
  const family = FAMILIES.find(({ type }) => type === text.model_type)
  return { ...text, architectures: family && [family.architecture] }
}

function familyOf(given: Fields, origin: string): { family: Family; config: ConfigReader } {
  const values = isWithImages(given) ? textModelFields(given, origin) : given
  const family = FAMILIES.find(({ type }) => type === values.model_type)
  if (!family) throw notSupported(values, origin)
  const config = readerOf(family, values, origin)
  refuseQuantised(config, given)
  for (const name of UNSERVED) {
    const value = config.values[name] ?? given[name] ?? false
    if (value !== false && !family.serves?.includes(name))
      throw config.error(`${name} is ${JSON.stringify(value)}, which is not supported`)
  }
  return { family, config }
}

/** @param values of a family that is served */
export function configReader(values: Fields, origin: string): ConfigReader {
  return readerOf(FAMILIES.find(({ type }) => type === values.model_type)!, values, origin)
}

function readerOf({ renamed = {}, defaults }: Family, values: Fields, origin: string): ConfigReader {
  return new ConfigReader(renamedFields(values, renamed, origin), origin, defaults)
}

/** Fields by the names of other families; HF's classes read both (`attribute_map`). */
function renamedFields(values: Fields, names: Readonly<Record<string, string>>, origin: string): Fields {
  const result: Record<string, unknown> = { ...values }
  for (const [own, common] of Object.entries(names)) {
    if (values[own] === undefined) continue
    if (values[common] !== undefined && values[common] !== values[own]) {
      throw new UserError(
        `${origin} has ${own} and ${common}, which are one field, with two values: leave one.`,
      )
    }
    result[common] = values[own]
  }
  return result
}

/** Methods of quantisation by their `quant_method`, as people know them; bitsandbytes and HQQ are told by their own fields, too. */
const METHODS: Readonly<Record<string, string>> = {
  awq: 'AWQ',
  bitsandbytes: 'bitsandbytes',
  'compressed-tensors': 'compressed-tensors',
  fp8: 'FP8',
  fbgemm_fp8: 'FP8 (FBGEMM)',
  gptq: 'GPTQ',
  hqq: 'HQQ',
  mxfp4: 'MXFP4',
  quanto: 'Quanto',
  torchao: 'torchao',
}

/** transformers reads `quantization_config`, and compressed-tensors once wrote `compression_config`. */
function refuseQuantised(config: ConfigReader, whole: Fields): void {
  for (const name of ['quantization_config', 'compression_config']) {
    const value = config.values[name] ?? whole[name]
    const quantisation = value === false ? undefined : config.object(name, { [name]: value })
    if (!quantisation) continue
    const { quant_method: method, load_in_4bit: in4, load_in_8bit: in8 } = quantisation
    const bits = in4 === true ? ' in 4 bits' : in8 === true ? ' in 8 bits' : ''
    const key = method ?? (bits ? 'bitsandbytes' : undefined)
    const named = typeof key === 'string' ? (METHODS[key] ?? JSON.stringify(key)) : 'a method without a name'
    throw config.error(
      `its weights are quantised by ${named}${bits} (${name}), which is not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file`,
    )
  }
}

function notSupported(values: Fields, origin: string): UserError {
  const { model_type: type, architectures } = values
  const name: unknown = Array.isArray(architectures) ? architectures[0] : undefined
  if (type === undefined || type === null) {
    const ofName = FAMILIES.find(({ architecture }) => architecture === name)
    const advice = ofName ? `${JSON.stringify(ofName.type)}, for its ${name}` : 'as transformers writes it'
    return new UserError(`${origin} has no model_type, which names the architecture: add it, ${advice}.`)
  }
  const named = [type, name].filter((part) => part !== undefined).map((part) => JSON.stringify(part))
  return new UserError(
    `${origin} is of the architecture ${named.join(', ')}, which is not supported: ` +
      `use a model of ${FAMILIES.map((family) => family.name).join(', ')}, or its export to ONNX (of onnx-community, for one).`,
  )
}
