import { Flags } from '@oclif/core'
import { EXCLUDED_FIELDS } from '../../chat/settings.js'
import { besideLookupFlag, medusaFlags, mtpFlags } from '../flags/heads.js'
import { generateFlags } from '../generate/flags.js'

const {
  'prompt-file': _prompt,
  baseline: _baseline,
  logprobs: _logprobs,
  retries: _retries,
  validate: _validate,
  'validate-timeout': _timeout,
  ...shared
} = generateFlags(EXCLUDED_FIELDS)

/** Flags of `llm chat`: those of `llm generate` that a chat has a place for, and what may draft. */
export const chatFlags = {
  ...shared,
  ...medusaFlags('as many as pay'),
  ...mtpFlags(),
  ...besideLookupFlag(),
  raw: Flags.boolean({
    description: 'continue what is written, without the chat template',
    helpGroup: 'PROMPT',
  }),
  yes: Flags.boolean({
    char: 'y',
    description: 'run the commands of --tools without a question',
    helpGroup: 'TOOLS',
  }),
  'tool-rounds': Flags.integer({
    min: 0,
    max: 1000,
    default: 8,
    helpValue: 'N',
    description: 'answers with calls to one message at most',
    helpGroup: 'TOOLS',
  }),
  'tool-timeout': Flags.integer({
    min: 1,
    max: 86400,
    default: 60,
    helpValue: 'SECONDS',
    description: 'time that the command of a tool may take',
    helpGroup: 'TOOLS',
  }),
  strategy: Flags.string({
    helpValue: 'NAME|FILE',
    description:
      'strategy to begin with, as /strategy lists them, or a JavaScript module with one of your own [what the settings ask for]',
    helpGroup: 'STRATEGY',
  }),
}
