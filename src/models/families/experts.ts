import type { ConfigReader, Fields } from '../config-reader.js'
import type { MetadataReader } from '../gguf/metadata.js'
import type { StoredLayout } from '../layout.js'
import type { Experts } from '../spec.js'

/** The fields of a mixture of experts whose files have one for all layers. */
export function expertsFrom(
  config: ConfigReader,
  {
    normalised,
    intermediateSize,
    layers,
  }: Pick<Experts, 'normalised' | 'intermediateSize'> & Partial<Experts>,
): Experts {
  const [count, perToken] = [config.integer('num_experts'), config.integer('num_experts_per_tok')]
  if (perToken > count) throw config.error(`num_experts_per_tok is ${perToken}, of ${count} experts`)
  const all = Array.from({ length: config.integer('num_hidden_layers') }, (_, layer) => layer)
  const own = layers ?? all
  if (count * own.length > MOST_EXPERTS) {
    throw config.error(
      `num_experts is ${count} in each of ${own.length} layers, and at most ${MOST_EXPERTS.toLocaleString('en')} in all are read`,
    )
  }
  return { count, perToken, intermediateSize, normalised, layers: own }
}

/** Above what any model has: each is a few tensors and nodes. */
const MOST_EXPERTS = 65_536

/** The layers with experts, where each so-manieth has some (`decoder_sparse_step`) and others are taken out (`mlp_only_layers`). */
export function sparseLayers(config: ConfigReader): number[] {
  const step = config.integer('decoder_sparse_step', 1)
  const plain = config.values.mlp_only_layers ?? []
  if (!Array.isArray(plain) || !plain.every((layer) => Number.isInteger(layer))) {
    throw config.error(`mlp_only_layers is ${JSON.stringify(plain)}, not a list of layers`)
  }
  const layers = Array.from({ length: config.integer('num_hidden_layers') }, (_, layer) => layer)
  return layers.filter((layer) => !plain.includes(layer) && (layer + 1) % step === 0)
}

/** HF's other name of a field of many of these. */
export const RENAMED_EXPERTS = { num_local_experts: 'num_experts' } as const

const PROJECTIONS = ['gate_proj', 'up_proj', 'down_proj']

/** A tensor for all experts of a layer, a projection each. */
export const GGUF_EXPERTS: StoredLayout = {
  joined: Object.fromEntries(PROJECTIONS.map((name) => [`mlp.experts.${name}.weight`, [name]])),
}

/** A tensor for each expert, or all of them in one, as transformers 5 holds them. */
export const EXPERTS_LAYOUT: StoredLayout = {
  variants: {
    'mlp.experts.gate_up_proj': {
      joined: {
        'mlp.experts.gate_up_proj': ['gate_proj', 'up_proj'],
        'mlp.experts.down_proj': ['down_proj'],
      },
    },
  },
}

/** GGUF's modules of a block with experts. */
export const EXPERT_MODULES = {
  ffn_gate_inp: 'mlp.gate',
  ffn_gate_exps: 'mlp.experts.gate_proj',
  ffn_up_exps: 'mlp.experts.up_proj',
  ffn_down_exps: 'mlp.experts.down_proj',
}

/**
 * What a GGUF file says of experts, in HF's fields.
 * @param isNormalised whether llama.cpp divides by the sum of a token's experts for this architecture
 */
export function expertFields(metadata: MetadataReader, isNormalised: boolean): Fields {
  const normalised = metadata.get('expert_weights_norm') ?? isNormalised
  return {
    num_experts: metadata.required('expert_count'),
    num_experts_per_tok: metadata.required('expert_used_count'),
    norm_topk_prob: normalised,
  }
}
