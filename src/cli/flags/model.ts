import { Flags } from '@oclif/core'
import { BUILT_IN } from '../../language-model/built-in.js'
import type { LoadOptions } from '../../language-model/load.js'

/** Which model, and how it is run. */
export const modelFlags = {
  model: Flags.string({
    char: 'm',
    default: BUILT_IN,
    helpValue: 'MODEL',
    description:
      'directory in HF layout, .gguf file, hub id org/name[@revision][:file.gguf or :Q4_K_M], or built-in',
    helpGroup: 'MODEL',
  }),
  adapter: Flags.string({
    helpValue: 'DIR',
    description: 'LoRA adapter of PEFT to apply to the model: its directory, or a hub id org/name[@revision]',
    helpGroup: 'MODEL',
  }),
  dtype: Flags.string({
    options: ['auto', 'fp32', 'fp16', 'int8', 'int4', 'int4f16'],
    default: 'auto',
    description:
      'how weights are held; auto comes nearest to the file; fp16 and int4f16 compute in half precision, on GPUs',
    helpGroup: 'MODEL',
  }),
  device: Flags.string({
    options: ['auto', 'cpu', 'webgpu', 'cuda'],
    default: 'auto',
    description: 'where the model runs; auto prefers a GPU, but for models of less than 200 MB',
    helpGroup: 'MODEL',
  }),
  'device-id': Flags.integer({
    min: 0,
    helpValue: 'N',
    description: "which of CUDA's devices, from 0; with --device cuda [0]",
    helpGroup: 'MODEL',
  }),
  threads: Flags.integer({ min: 1, max: 1024, description: 'CPU threads [one a core]', helpGroup: 'MODEL' }),
}

/** For commands whose drafts are to leave the text as it is. */
export const exactFlag = Flags.boolean({
  description: 'passes of one shape, so that drafts change no near-tie in int8 and int4; slower',
  helpGroup: 'MODEL',
})

/** A model as a report names it. */
export function modelName({ model, adapter }: { model: string; adapter?: string }): string {
  return adapter === undefined ? model : `${model} with ${adapter}`
}

/** The flags' values as options of `loadModel`, of all models of a run. */
export function loadOptions(flags: {
  dtype: string
  device: string
  'device-id'?: number
  threads?: number
  exact?: boolean
}): LoadOptions {
  return {
    dtype: flags.dtype as LoadOptions['dtype'],
    device: flags.device as LoadOptions['device'],
    deviceId: flags['device-id'],
    threads: flags.threads,
    exact: flags.exact,
  }
}

/** The same of the model that the flags name, which alone has their adapter. */
export function targetOptions(flags: Parameters<typeof loadOptions>[0] & { adapter?: string }): LoadOptions {
  return { ...loadOptions(flags), adapter: flags.adapter }
}
