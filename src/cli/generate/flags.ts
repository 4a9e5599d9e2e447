import { Args, Flags } from '@oclif/core'
import { fieldsOf, type GenerationField } from '../../config/index.js'
import { configFlags } from '../flags/config.js'
import { exactFlag, modelFlags } from '../flags/model.js'
import { type ValidationFlags, validationFlags } from '../io/validator.js'

const promptFlags = {
  'prompt-file': Flags.string({
    helpValue: 'FILE',
    description: 'read the prompt from a file; - for stdin',
    helpGroup: 'PROMPT',
  }),
  system: Flags.string({ helpValue: 'TEXT', description: 'system message of the chat', helpGroup: 'PROMPT' }),
  raw: Flags.boolean({
    description: 'pass the prompt as it is, without the chat template',
    helpGroup: 'PROMPT',
  }),
  'chat-template': Flags.string({
    helpValue: 'FILE|JINJA',
    description: "chat template in place of the model's own; - for stdin",
    helpGroup: 'PROMPT',
  }),
  'negative-prompt': Flags.string({
    helpValue: 'TEXT',
    description: 'what guidance moves away from (with --guidance-scale)',
    helpGroup: 'PROMPT',
  }),
}

const strategyFlags = {
  'assistant-model': Flags.string({
    helpValue: 'MODEL',
    description: 'smaller model, which drafts for this one',
    helpGroup: 'STRATEGY',
  }),
  'amateur-model': Flags.string({
    helpValue: 'MODEL',
    description:
      'weaker model, whose log-probabilities are taken from those of the model (contrastive decoding)',
    helpGroup: 'STRATEGY',
  }),
  strategy: Flags.string({
    helpValue: 'FILE|auto',
    description:
      'JavaScript module with a strategy or drafter of your own, or auto for the best drafter that the model can serve',
    helpGroup: 'STRATEGY',
  }),
}

const outputFlags = {
  baseline: Flags.boolean({
    description: 'generate without drafts as well, and tell how much faster drafts are',
    exclusive: ['retries', 'validate'],
    helpGroup: 'OUTPUT',
  }),
  config: Flags.string({
    helpValue: 'FILE',
    description:
      'JSON file with GenerationConfig fields, such as a generation_config.json; - for stdin; flags win over it',
    helpGroup: 'OUTPUT',
  }),
  scorer: Flags.string({
    helpValue: 'CMD',
    description:
      'shell command that scores each of --best-of samples, which is on its stdin, by the number that it prints, or by whether it exits with 0',
    helpGroup: 'ONE OF SEVERAL SAMPLES',
  }),
  logprobs: Flags.integer({
    min: 0,
    max: 100,
    helpValue: 'K',
    description: 'log-probabilities of each token and the K most probable ones; with --json',
    helpGroup: 'OUTPUT',
  }),
  'masked-mass': Flags.boolean({
    description: 'the probability of all that a regex, schema, … forbade at each token; with --json',
    helpGroup: 'OUTPUT',
  }),
}

/** Flags that ask for what --json alone shows. */
export const JSON_FLAGS = [
  'logprobs',
  'masked-mass',
  ...fieldsOf('output')
    .filter((field) => field.startsWith('output_'))
    .map((field) => field.replaceAll('_', '-')),
]

/** Flags of a command that generates; `fixed` are the fields that it sets itself. */
export function generateFlags(fixed: readonly GenerationField[] = []) {
  // What --json returns is what the output flags ask for.
  const config = configFlags([...fixed, 'return_dict_in_generate'])
  return {
    ...modelFlags,
    exact: exactFlag,
    ...promptFlags,
    ...strategyFlags,
    ...outputFlags,
    ...validationFlags,
    ...config,
  }
}

/** Flags of a command whose heads draft: other ways to draft do not go with them. */
export function headFlags() {
  const {
    strategy,
    'assistant-model': assistant,
    ...flags
  } = generateFlags(fieldsOf('beam search', 'contrastive search and DoLa', 'assisted generation'))
  return flags
}

export const generateArgs = {
  // oclif would read stdin itself, in a race against 10 ms, and whatever its encoding.
  prompt: Args.string({
    description:
      'the prompt; from stdin where it is left out or -, and what is piped in beside it comes after it',
    ignoreStdin: true,
  }),
}

export type GenerateFlags = ValidationFlags & {
  adapter?: string
  model: string
  dtype: string
  device: string
  'device-id'?: number
  threads?: number
  'prompt-file'?: string
  system?: string
  raw: boolean
  'chat-template'?: string
  'negative-prompt'?: string
  'assistant-model'?: string
  'amateur-model'?: string
  strategy?: string
  config?: string
  logprobs?: number
  'masked-mass'?: boolean
  scorer?: string
  baseline: boolean
}
