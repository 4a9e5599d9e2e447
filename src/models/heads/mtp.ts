import { blockParameters, normParameters, type Parameter } from '../parameters.js'
import type { AttentionKind, DecoderSpec } from '../spec.js'
import type { DraftVocabulary } from './draft-vocabulary.js'

export interface MtpSpec extends DraftVocabulary {
  /** Tokens beyond the next one that are predicted in training, one after the other. */
  readonly depth: number
  /** Modules; the last one is used again where the depth is greater. Of `parallel` heads there is one for each depth. */
  readonly modules: number
  /** Whether hidden states come before embeddings where both are concatenated (HF's `mtp_hidden_states_first`). */
  readonly hiddenStatesFirst: boolean
  /** Meta's independent heads (Gloeckle et al. 2024) in place of DeepSeek-V3's chain. */
  readonly parallel: boolean
}

/** The common name of a module's parameters: DeepSeek-V3 counts modules as layers after the model's own. */
export function moduleName({ layers }: Pick<DecoderSpec, 'layers'>, module: number): string {
  return `model.layers.${layers.length + module}`
}

/** The attention of a module: with positions, where the model has a rotary embedding. */
export function moduleKind({ rope }: Pick<DecoderSpec, 'rope'>): AttentionKind {
  return rope.full.length > 0 ? 'full' : 'full_nope'
}

/** By DeepSeek-V3's names; embedding and vocabulary matrix are the model's. Parallel heads have a block each, no more. */
export function mtpParameters(spec: DecoderSpec, { modules, parallel }: MtpSpec): Parameter[] {
  const { hiddenSize } = spec
  return Array.from({ length: modules }, (_, module): Parameter[] => {
    const name = moduleName(spec, module)
    const norm = (which: string) => normParameters(spec, `${name}.${which}`)
    if (parallel) return blockParameters(spec, name, moduleKind(spec))
    return [
      ...norm('enorm'),
      ...norm('hnorm'),
      { name: `${name}.eh_proj.weight`, kind: 'linear', shape: [hiddenSize, 2 * hiddenSize] },
      ...blockParameters(spec, name, moduleKind(spec)),
      ...norm('shared_head.norm'),
    ]
  }).flat()
}
