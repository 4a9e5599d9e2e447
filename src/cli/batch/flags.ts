import { Flags } from '@oclif/core'
import type { Shard } from '../../batch/input.js'
import { usageError } from '../../errors.js'
import { configFlags } from '../flags/config.js'
import { besideLookupFlag, medusaFlags, mtpFlags } from '../flags/heads.js'
import { generateFlags } from '../generate/flags.js'

const BATCH = { helpGroup: 'BATCH' }

const { 'prompt-file': _prompt, baseline: _baseline, exact: _exact, ...shared } = generateFlags()

/** Flags of `llm batch`: those of `llm generate`, for all rows, and what is the batch's own. */
export const batchFlags = {
  ...shared,
  ...medusaFlags('as many as pay', { dependsOn: ['medusa-heads'], exclusive: ['mtp-modules'] }),
  ...mtpFlags({ dependsOn: ['mtp-modules'] }),
  ...besideLookupFlag({ needsOneOf: ['medusa-heads', 'mtp-modules', 'strategy'] }),
  strategy: Flags.string({
    helpValue: 'FILE|recycling',
    description:
      'JavaScript module with a strategy or drafter of your own, or recycling for drafts of recycled tokens',
    helpGroup: 'STRATEGY',
  }),
  logprobs: Flags.integer({
    min: 0,
    max: 100,
    helpValue: 'K',
    description: 'log-probabilities of each token and the K most probable ones',
    helpGroup: 'OUTPUT',
  }),
  'return-dict-in-generate': configFlags()['return-dict-in-generate'],
  output: Flags.string({
    ...BATCH,
    char: 'o',
    default: '-',
    helpValue: 'OUT',
    description: 'JSON Lines to write, - for stdout; rows that a file has are not served again',
  }),
  'max-batch': Flags.integer({ ...BATCH, min: 1, default: 16, description: 'rows to decode at a time' }),
  'max-tokens-in-flight': Flags.integer({
    ...BATCH,
    min: 1,
    description: 'most tokens that they may come to have together [no limit]',
  }),
  order: Flags.string({
    ...BATCH,
    options: ['done', 'input'],
    default: 'done',
    description: 'write rows as they are done, or in the order of the input',
  }),
  shard: Flags.custom<Shard>({
    ...BATCH,
    helpValue: 'I/N',
    description: 'serve only every N-th row, from row I on: one part a machine',
    parse: async (text) => parseShard(text),
  })(),
  'fail-fast': Flags.boolean({ ...BATCH, description: 'end with the first row that cannot be served' }),
  'retry-errors': Flags.boolean({ ...BATCH, description: 'serve the rows again that have an error' }),
  'continue-anyway': Flags.boolean({
    ...BATCH,
    description: 'go on with a file whose rows another model or other settings have written',
  }),
}

function parseShard(text: string): Shard {
  const [index, count] = /^\d+\/\d+$/.test(text) ? text.split('/').map(Number) : []
  if (index >= 1 && index <= count) return { index, count }
  throw usageError(
    `--shard cannot be ${JSON.stringify(text)}: give a part of a number of parts, such as 1/4.`,
  )
}
