import { Flags } from '@oclif/core'
import { fieldsOf } from '../../config/index.js'
import { configFlags } from '../flags/config.js'
import { generateFlags } from '../generate/flags.js'

const COMPARISON = { helpGroup: 'COMPARISON' }
const REPORT = { helpGroup: 'REPORT' }

const {
  model,
  dtype,
  device,
  'device-id': deviceId,
  threads,
  exact,
  'amateur-model': amateurModel,
  system,
  raw,
  'chat-template': chatTemplate,
  config,
} = generateFlags()

/** Flags of `llm compare`: those of the model and of settings, for all strategies, and what is its own. */
export const compareFlags = {
  model,
  dtype,
  device,
  'device-id': deviceId,
  threads,
  exact,
  'amateur-model': amateurModel,
  system,
  raw,
  'chat-template': chatTemplate,
  config,
  ...configFlags([...fieldsOf('output'), 'num_return_sequences']),
  seed: Flags.integer({ ...COMPARISON, min: 0, description: 'of the random numbers of every run [0]' }),
  strategy: Flags.string({
    ...COMPARISON,
    char: 's',
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'KIND:FIELD=VALUE,…',
    description: 'a strategy with fields of its own, once for each; the first one is the reference',
  }),
  plan: Flags.string({
    ...COMPARISON,
    helpValue: 'FILE',
    description: 'YAML with prompts, settings, strategies and scorers',
  }),
  reference: Flags.string({
    ...COMPARISON,
    helpValue: 'NAME',
    description: 'the strategy that texts and speeds are compared with [the first]',
  }),
  repetitions: Flags.integer({
    ...COMPARISON,
    min: 1,
    default: 3,
    description: 'measured runs of each prompt and strategy',
  }),
  'warm-up': Flags.integer({
    ...COMPARISON,
    min: 0,
    default: 1,
    description: 'runs before them that do not count',
  }),
  score: Flags.string({
    ...COMPARISON,
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'SCORER',
    description: 'score texts: exact, regex:/…/, json, or command:CMD',
  }),
  from: Flags.string({
    ...COMPARISON,
    multiple: true,
    helpValue: 'JSON',
    description: 'files of earlier comparisons to put side by side: nothing is measured',
  }),
  'fail-on-regression': Flags.boolean({
    ...COMPARISON,
    dependsOn: ['from'],
    description: 'exit with 1 where a later one is slower, or has fewer texts of the reference',
  }),
  output: Flags.string({
    ...REPORT,
    char: 'o',
    helpValue: 'FILE',
    description: 'write the comparison as JSON',
  }),
  markdown: Flags.string({
    ...REPORT,
    helpValue: 'FILE',
    description: 'write it as Markdown; - for stdout, in place of the table',
  }),
  html: Flags.string({ ...REPORT, helpValue: 'FILE', description: 'write it as one page with charts' }),
}

/** Flags that go with --from. */
export const FROM_FLAGS: readonly string[] = ['from', 'fail-on-regression', 'markdown', 'html', 'json']
