import type { ErrorObject, ValidateFunction } from 'ajv'
import type { Validate } from './validated.js'

/** Faults that are told. */
const MOST_FAULTS = 5

/**
 * A second judge beside the grammar: ajv, by the schema's own draft, with formats. A schema that ajv cannot compile has no second judge.
 * @param schema JSON text
 */
export async function schemaValidator(schema: string): Promise<Validate | undefined> {
  const check = await compiled(JSON.parse(schema))
  return check && (({ value }) => (check(value) ? undefined : faultsOf(check.errors ?? [])))
}

async function compiled(schema: boolean | Record<string, unknown>): Promise<ValidateFunction | undefined> {
  const dialect = typeof schema === 'object' ? String(schema.$schema ?? '') : ''
  const [{ default: formats }, { Ajv }] = await Promise.all([
    import('ajv-formats'),
    /draft-0[467]/.test(dialect)
      ? import('ajv')
      : import('ajv/dist/2020.js').then(({ Ajv2020 }) => ({ Ajv: Ajv2020 })),
  ])
  try {
    const ajv = new Ajv({ strict: false, logger: false, allErrors: true })
    formats.default(ajv)
    return ajv.compile(schema)
  } catch {
    return undefined
  }
}

function faultsOf(errors: readonly ErrorObject[]): string {
  const lines = errors.map(({ instancePath, message }) => `${instancePath || 'The value'} ${message}`)
  return [...new Set(lines)].slice(0, MOST_FAULTS).join('\n')
}
