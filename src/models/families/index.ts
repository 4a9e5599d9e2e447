import { UserError } from '../../errors.js'
import { ConfigReader, type Fields } from '../config-reader.js'
import type { DecoderSpec } from '../spec.js'
import { exaone4 } from './exaone4.js'
import type { Family } from './family.js'
import { gemma2 } from './gemma2.js'
import { gemma3 } from './gemma3.js'
import { granite } from './granite.js'
import { llama } from './llama.js'
import { ministral, mistral } from './mistral.js'
import { olmo2, olmo3 } from './olmo.js'
import { qwen2 } from './qwen2.js'
import { qwen3 } from './qwen3.js'
import { smollm3 } from './smollm3.js'

/** The families that there is a graph for. */
export const FAMILIES: readonly Family[] = [
  llama,
  mistral,
  ministral,
  smollm3,
  granite,
  qwen2,
  qwen3,
  gemma2,
  gemma3,
  olmo2,
  olmo3,
  exaone4,
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
  'quantization_config',
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
  for (const name of UNSERVED) {
    const value = values[name] ?? false
    if (value !== false && !family.serves?.includes(name))
      throw config.error(`${name} is ${JSON.stringify(value)}, which is not supported`)
  }
  return { family: family.type, ...family.spec(config) }
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
      `use a model of ${FAMILIES.map((family) => family.name).join(', ')}, or its export to ONNX (of onnx-community, for one).`,
  )
}
