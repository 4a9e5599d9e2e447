import { UserError } from '../../errors.js'
import { ConfigReader, type Fields } from '../config-reader.js'
import type { DecoderSpec } from '../spec.js'
import type { Family } from './family.js'
import { gemma3 } from './gemma3.js'
import { llama } from './llama.js'
import { qwen2 } from './qwen2.js'
import { qwen3 } from './qwen3.js'

/** The families that there is a graph for. */
export const FAMILIES: readonly Family[] = [llama, qwen2, qwen3, gemma3]

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
  const family = FAMILIES.find(({ type }) => type === values.model_type)
  if (!family) throw notSupported(values, origin)
  const config = new ConfigReader(values, origin, family.defaults)
  refuseQuantised(config)
  for (const name of UNSERVED) {
    const value = values[name] ?? false
    if (value !== false) throw config.error(`${name} is ${JSON.stringify(value)}, which is not supported`)
  }
  return { family: family.type, ...family.spec(config) }
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
function refuseQuantised(config: ConfigReader): void {
  const { values } = config
  for (const name of ['quantization_config', 'compression_config']) {
    const quantisation = values[name] === false ? undefined : config.object(name)
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
  const textModel = FAMILIES.find(({ withImages }) => withImages === type)
  if (textModel) {
    return new UserError(
      `${origin} is of a ${textModel.name} with images ("${type}"), which is not supported: use its text model alone, of the model_type "${textModel.type}", or as a GGUF file.`,
    )
  }
  const named = [type, name].filter((part) => part !== undefined).map((part) => JSON.stringify(part))
  return new UserError(
    `${origin} is of the architecture ${named.join(', ')}, which is not supported: ` +
      `use a model of ${FAMILIES.map((family) => family.name).join(', ')}.`,
  )
}
