import type { Engine } from '../engine/engine.js'
import { validated } from '../engine/validated.js'
import { Generation } from '../generation/generate.js'
import type { GenerationModel } from '../generation/options.js'
import { type RowSettings, requestOf } from './request.js'
import type { Row } from './row.js'

/**
 * A row whose answer is judged, and asked for again.
 * @throws UserError as `requestOf`
 */
export function validatedRow(
  row: Row,
  model: GenerationModel,
  settings: RowSettings,
  engine: Engine,
): Generation {
  const { promptOf = ({ prompt }) => prompt, validation } = settings
  const first = requestOf(row, model, settings)
  const interruption = new AbortController()
  const { signal } = interruption
  async function* steps() {
    const validators = await validation!.validatorsOf(first.config)
    const request = {
      prompt: promptOf(row),
      first: { ...first, options: { ...first.options, signal } },
      again: (prompt: Row['prompt'], changed: object) => {
        const own = { ...row, settings: { ...row.settings, ...changed } }
        const again = requestOf(own, model, { ...settings, promptOf: () => prompt })
        return { ...again, options: { ...again.options, signal } }
      },
    }
    return yield* validated(engine, request, { retries: validation!.retries, validators, signal })
  }
  return new Generation(steps(), () => interruption.abort())
}
