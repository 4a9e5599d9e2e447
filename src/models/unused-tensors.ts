import { UserError } from '../errors.js'
import { HEAD, parametersOf } from './parameters.js'
import type { DecoderSpec } from './spec.js'

/** Buffers that older checkpoints hold and models compute for themselves, and what a GGUF file's configuration has been made of. */
const HARMLESS =
  /(^|\.)(rotary_emb\.inv_freq|masked_bias|position_ids|rope_(freqs|factors_(short|long))\.weight)$/
/** Parts of adapters that were not merged, and of quantised weights: without them the other tensors are another model's. */
const ADAPTER = /(^|\.)(lora_|ia3_|base_model\.model\.|modules_to_save\.)/
const QUANTISED =
  /\.(qweight|qzeros|scales|g_idx|SCB|(weight|input)_scale(_inv)?|weight\.(absmax|quant_map|quant_state\b.*|nested_\w+))$/

/**
 * The tensors that no parameter of a model stands for; HF says that it has not used them. Those that never count are left out.
 * @param names of all tensors of the weights
 * @throws UserError for tensors without which the others give another text: adapters, quantised weights
 */
export function unusedTensors(spec: DecoderSpec, names: Iterable<string>, origin: string): string[] {
  const used = new Set(parametersOf(spec).map(({ name }) => name))
  // The copy of a tied head.
  used.add(HEAD)
  const unused = [...names].filter((name) => !used.has(name) && !HARMLESS.test(name))
  const adapter = unused.find((name) => ADAPTER.test(name))
  if (adapter) {
    throw new UserError(
      `${origin} holds an adapter (${adapter}), which is not applied: save it as PEFT does and give it with --adapter, or merge it into its base model first.`,
    )
  }
  const quantised = unused.find((name) => QUANTISED.test(name))
  if (quantised) {
    throw new UserError(
      `${origin} holds quantised weights (${quantised}), which are not supported: use the original checkpoint with --dtype int8 or int4, or a GGUF file.`,
    )
  }
  return unused
}
