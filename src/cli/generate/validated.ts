import { validatedGeneration } from '../../engine/generate-validated.js'
import { excerpt } from '../../errors.js'
import type { Generation } from '../../generation/generate.js'
import type { GenerateOptions, GenerationModel } from '../../generation/options.js'
import type { Prepared } from '../../generation/prepare.js'
import type { Prompt } from '../../generation/prompt.js'
import { tell } from '../../ui/printable.js'
import { type ValidationFlags, validatorsOf } from '../io/validator.js'

/** Characters of a failure that are shown. */
const SHOWN = 200

/** A generation whose answer is judged by flags, and asked for again; the process ends with 1 where none is valid. */
export function judgedGeneration(
  model: GenerationModel,
  work: { readonly prompt: Prompt; readonly prepared: Prepared; readonly options: GenerateOptions },
  flags: ValidationFlags,
): Generation {
  const { retries = 0 } = flags
  return validatedGeneration(model, work, {
    retries,
    validators: () => validatorsOf(flags, work.prepared.config),
    onFailure: (attempt, failure) => {
      const said = excerpt(failure.split('\n')[0], SHOWN)
      tell(`Attempt ${attempt} is not valid: ${said}`)
    },
    onEnd: ({ passed }) => {
      if (!passed) process.exitCode = 1
    },
  })
}
