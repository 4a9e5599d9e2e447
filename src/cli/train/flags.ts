import { Flags } from '@oclif/core'
import { usageError } from '../../errors.js'
import { SAVE_DTYPES } from '../../train/model-files.js'
import { SCHEDULES } from '../../train/optimiser.js'

/** A number with a decimal point, within bounds. */
export const number = Flags.custom<number, { min?: number; max?: number }>({
  parse: async (
    input,
    _context,
    { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, name },
  ) => {
    const value = Number(input)
    if (input.trim() !== '' && Number.isFinite(value) && value >= min && value <= max) return value
    throw usageError(`--${name} cannot be ${JSON.stringify(input)}: give a number ${range(min, max)}.`)
  },
})

function range(min: number, max: number): string {
  if (max < Number.POSITIVE_INFINITY) return `from ${min} to ${max}`
  return min > Number.NEGATIVE_INFINITY ? `of ${min} or more` : 'such as 0.5'
}

const DATA = { helpGroup: 'DATA' }
const OPTIMISER = { helpGroup: 'OPTIMISER' }
const RUN = { helpGroup: 'RUN' }

/** What ends a document in a text file; `\\n` and `\\t` mean what they do in a program. */
export function separatorFlag(options: { helpGroup?: string } = {}) {
  return Flags.string({
    ...options,
    helpValue: 'TEXT',
    description: 'what ends a document in a text file, such as "\\n\\n" [a file is one document]',
    parse: async (input) => input.replaceAll('\\n', '\n').replaceAll('\\t', '\t'),
  })
}

export const dataFlags = {
  'held-out': Flags.string({
    ...DATA,
    helpValue: 'FILE',
    description: 'text to evaluate on [the last rows of the data]',
  }),
  'held-out-rows': Flags.integer({
    ...DATA,
    min: 1,
    default: 128,
    description: 'rows to evaluate on at most',
  }),
  separator: separatorFlag({ ...DATA }),
  'sequence-length': Flags.integer({ ...DATA, min: 8, default: 256, description: 'tokens of a row' }),
}

export const optimiserFlags = {
  'learning-rate': number({
    ...OPTIMISER,
    min: 0,
    default: 1e-3,
    helpValue: 'X',
    description: 'at its peak',
  }),
  'lr-scheduler-type': Flags.string({
    ...OPTIMISER,
    options: [...SCHEDULES],
    default: 'cosine',
    description: 'how the learning rate runs after the warm-up',
  }),
  'warmup-steps': Flags.integer({
    ...OPTIMISER,
    min: 0,
    default: 100,
    description: 'steps in which it rises from 0',
  }),
  'min-lr-ratio': number({
    ...OPTIMISER,
    min: 0,
    max: 1,
    default: 0.1,
    helpValue: 'X',
    description: 'last learning rate as a share of the peak',
  }),
  'decay-steps': Flags.integer({
    ...OPTIMISER,
    min: 0,
    default: 0,
    description: 'last steps, in which warmup_stable_decay falls',
  }),
  'weight-decay': number({ ...OPTIMISER, min: 0, default: 0.1, helpValue: 'X', description: 'of matrices' }),
  'adam-beta1': number({
    ...OPTIMISER,
    min: 0,
    max: 1,
    default: 0.9,
    helpValue: 'X',
    description: "AdamW's beta1",
  }),
  'adam-beta2': number({
    ...OPTIMISER,
    min: 0,
    max: 1,
    default: 0.95,
    helpValue: 'X',
    description: "AdamW's beta2",
  }),
  'adam-epsilon': number({
    ...OPTIMISER,
    min: 0,
    default: 1e-8,
    helpValue: 'X',
    description: "AdamW's epsilon",
  }),
  'max-grad-norm': number({
    ...OPTIMISER,
    min: 0,
    default: 1,
    helpValue: 'X',
    description: 'norm to which gradients are clipped; 0 leaves them alone',
  }),
}

/** For training all weights: heads and adapters have few hidden matrices. */
export const muonFlags = {
  optimizer: Flags.string({
    ...OPTIMISER,
    options: ['adamw', 'muon'],
    default: 'adamw',
    description: "what updates hidden matrices; all else is AdamW's",
  }),
  'muon-momentum': number({
    ...OPTIMISER,
    min: 0,
    max: 1,
    default: 0.95,
    helpValue: 'X',
    description: "Muon's momentum",
  }),
}

export const runFlags = {
  output: Flags.string({
    ...RUN,
    char: 'o',
    required: true,
    helpValue: 'DIR',
    description: 'where the result goes',
  }),
  steps: Flags.integer({ ...RUN, min: 1, description: 'steps of the optimiser', exclusive: ['epochs'] }),
  epochs: number({ ...RUN, min: 0, helpValue: 'X', description: 'how often the data is gone through [1]' }),
  'batch-size': Flags.integer({ ...RUN, min: 1, default: 32, description: 'rows of a step' }),
  'micro-batch': Flags.integer({
    ...RUN,
    min: 1,
    description: 'rows that are run at once [what memory allows]',
  }),
  seed: Flags.integer({
    ...RUN,
    min: 0,
    default: 0,
    description: 'of initial weights and of the order of the data',
  }),
  'eval-steps': Flags.integer({ ...RUN, min: 1, default: 250, description: 'steps between evaluations' }),
  'save-steps': Flags.integer({ ...RUN, min: 1, default: 250, description: 'steps between checkpoints' }),
  'save-total-limit': Flags.integer({ ...RUN, min: 1, default: 2, description: 'checkpoints that are kept' }),
  'save-dtype': Flags.custom<keyof typeof SAVE_DTYPES>({
    ...RUN,
    options: Object.keys(SAVE_DTYPES),
    default: 'fp32',
    description: 'how the weights of the result are written; checkpoints have them in fp32 as well',
  })(),
  resume: Flags.boolean({ ...RUN, description: 'go on from the newest checkpoint in the output directory' }),
  device: Flags.string({
    ...RUN,
    options: ['cpu', 'webgpu', 'cuda'],
    default: 'cpu',
    description: 'where it runs',
  }),
  threads: Flags.integer({ ...RUN, min: 1, description: 'CPU threads [one a core]' }),
}
