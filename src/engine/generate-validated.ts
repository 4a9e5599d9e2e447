import type { ConfigLayer, GenerationConfig } from '../config/index.js'
import { schemaText } from '../config/schema-text.js'
import { type GenerationSettings, layersOf } from '../config/settings.js'
import { Generation } from '../generation/generate.js'
import type { GenerateOptions, GenerationModel } from '../generation/options.js'
import { type Prepared, prepare, prepareFrom } from '../generation/prepare.js'
import type { Prompt } from '../generation/prompt.js'
import { Engine } from './engine.js'
import { requestFor } from './request.js'
import { schemaValidator } from './schema-validator.js'
import { type Validate, type ValidatedResult, type Validation, validated } from './validated.js'

/** Options of `generate()`, and what judges the answer. */
export interface ValidatedOptions<Value = unknown>
  extends Omit<GenerateOptions<Value>, 'pastKeyValues'>,
    Pick<Validation, 'onFailure'> {
  /** Attempts after the first one, at most; 3 by default, as instructor's clients have it. */
  readonly retries?: number
  readonly validate?: Validate<Value>
}

/**
 * Generates an answer, and again where it does not pass: `validate`, the refinements of a zod type, ajv by the schema, and its end within the
 * limit of tokens are asked. The model is told what is wrong; its cache goes on.
 * @throws UserError as `generate`; for several sequences and prompts of token ids
 */
export async function generateValidated<Value = unknown>(
  model: GenerationModel,
  prompt: Prompt,
  settings: GenerationSettings | readonly ConfigLayer[] = {},
  { retries = 3, validate, onFailure, ...options }: ValidatedOptions<Value> = {},
): Promise<ValidatedResult<Value>> {
  const prepared = prepareFrom(model, prompt, layersOf(settings), options)
  const own = validate ? [validate as Validate] : []
  const validators = async () => [...(await schemaValidators(prepared.config)), ...own]
  const work = { prompt, prepared, options: options as GenerateOptions }
  const generation = validatedGeneration(model, work, { retries, validators, onFailure })
  return (await generation.result()) as ValidatedResult<Value>
}

/** Ajv by the schema of settings, where there is one and ajv can compile it. A type of zod's judges itself. */
export async function schemaValidators({ schema }: GenerationConfig): Promise<readonly Validate[]> {
  if (schema === undefined) return []
  const judge = await schemaValidator(schemaText(schema))
  return judge ? [judge] : []
}

/** A generation whose answer is judged, and asked for again; the caches are its own engine's. */
export function validatedGeneration(
  model: GenerationModel,
  { prompt, prepared, options }: { prompt: Prompt; prepared: Prepared; options: GenerateOptions },
  {
    validators,
    ...validation
  }: Omit<Validation, 'validators' | 'signal'> & { validators(): Promise<readonly Validate[]> },
): Generation {
  const interruption = new AbortController()
  const signals = [interruption.signal, ...(options.signal ? [options.signal] : [])]
  const given = { ...options, signal: AbortSignal.any(signals) }
  const request = (next: Prepared) => requestFor(model, next, given)
  const again = (next: Prompt, changed: object) => {
    const config = { ...prepared.config, ...changed }
    return request(prepare(model, next, { ...prepared, config }, options.chatTemplate))
  }
  async function* steps() {
    const judges = await validators()
    const engine = new Engine(model)
    try {
      return yield* validated(
        engine,
        { prompt, first: request(prepared), again },
        { ...validation, validators: judges, signal: given.signal },
      )
    } finally {
      await engine.close()
    }
  }
  return new Generation(steps(), () => interruption.abort())
}
