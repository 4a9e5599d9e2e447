import { Flags } from '@oclif/core'
import { runCommand } from '../../child-command.js'
import type { GenerationConfig } from '../../config/index.js'
import { isHeld } from '../../config/structured.js'
import type { Validate } from '../../engine/validated.js'
import { excerpt, UserError, usageError } from '../../errors.js'
import { systemReason } from '../../files.js'

const GROUP = { helpGroup: 'RETRIES' }

/** Flags of commands that judge answers, and ask again. */
export const validationFlags = {
  retries: Flags.integer({
    ...GROUP,
    min: 0,
    max: 100,
    helpValue: 'N',
    description: 'attempts after the first where an answer is not valid; the model is told what is wrong [0]',
  }),
  validate: Flags.string({
    ...GROUP,
    helpValue: 'CMD',
    description:
      'shell command that judges the answer, which is on its stdin, as JSON where it has a value: it exits with 0, or says what is wrong',
  }),
  'validate-timeout': Flags.integer({
    ...GROUP,
    min: 1,
    max: 3600,
    helpValue: 'SECONDS',
    dependsOn: ['validate'],
    description: 'time that this command may take [30]',
  }),
}

export interface ValidationFlags {
  readonly retries?: number
  readonly validate?: string
  readonly 'validate-timeout'?: number
}

export function isValidated({ retries, validate }: ValidationFlags): boolean {
  return validate !== undefined || (retries ?? 0) > 0
}

/**
 * Judges of answers by flags and settings: ajv where there is a schema, and then the command.
 * @throws UserError, exit code 2, where there is nothing to judge by
 */
export async function validatorsOf(
  { retries = 0, validate, 'validate-timeout': seconds = 30 }: ValidationFlags,
  config: GenerationConfig,
): Promise<readonly Validate[]> {
  if (validate === undefined && !isHeld(config))
    throw usageError(
      '--retries needs something to judge answers by: give --validate, or a language such as --schema.',
    )
  const own = validate === undefined ? [] : [commandValidator(validate, seconds)]
  if (config.schema === undefined || retries === 0) return own
  const { schemaValidators } = await import('../../engine/generate-validated.js')
  return [...(await schemaValidators(config)), ...own]
}

/** What a shell says where it finds no command, or may not run it. */
const NOT_RUN = [126, 127]
/** Bytes of a command's output that are read. */
const MOST_OUTPUT = 2 ** 16

function commandValidator(command: string, seconds: number): Validate {
  const refused = (why: string, cause?: unknown) =>
    new UserError(`The validator ${excerpt(command, 200)} ${why}.`, 1, { cause })
  return async (answer, signal) => {
    const input = 'value' in answer && answer.value !== undefined ? JSON.stringify(answer.value) : answer.text
    const ended = await runCommand(command, {
      input,
      limitMs: 1000 * seconds,
      mostOutput: MOST_OUTPUT,
      keepsErrors: true,
      signal,
    }).catch((error) => {
      throw refused(`cannot be run: ${systemReason(error)}`, error)
    })
    if (ended.isLate) throw refused(`took longer than ${seconds} s, and was ended`)
    if (signal?.aborted) throw refused('was interrupted')
    const said = ended.output.trim()
    if (ended.code === 0) return undefined
    if (ended.code === null) throw refused(`was ended by ${ended.signal}`)
    if (NOT_RUN.includes(ended.code)) throw refused(`cannot be run: ${said || `exit code ${ended.code}`}`)
    return said || `It was refused without a reason (exit code ${ended.code}).`
  }
}
