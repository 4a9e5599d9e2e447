import type * as z from 'zod'
import { excerpt, type UserError, usageError } from '../errors.js'
import { nearest } from '../nearest.js'
import { faultOf } from './faults.js'
import type { ConfigLayer, Source, Sources } from './layers.js'
import {
  callArguments,
  checkCombinations,
  collectWarnings,
  refuseUnserved,
  withoutBookkeeping,
} from './rules.js'
import { type GenerationConfig, type GenerationField, generationConfigSchema } from './schema.js'

export interface ResolvedConfig {
  readonly config: GenerationConfig
  /** From which it was resolved. */
  readonly layers: readonly ConfigLayer[]
  /** What HF warns of: values that the user set and that have no effect, or that another one overrides. */
  readonly warnings: string[]
  /** Fields of the model's own file that are not known. */
  readonly notices: string[]
}

const fields = Object.keys(generationConfigSchema.shape) as GenerationField[]

/**
 * The schema's defaults, overridden by `layers` in order.
 * @throws UserError, exit code 2, naming field, value and origin: an unknown field, a value out of its range,
 * a combination that HF rejects, a field of a mode that is not served.
 */
export function resolveGenerationConfig(...layers: ConfigLayer[]): ResolvedConfig {
  const { config, sources, notices } = readLayers(layers)
  checkCombinations(config, sources)
  return { config, layers, warnings: collectWarnings(config, sources), notices }
}

/**
 * Checks each value by itself, while it is not known yet what the model's own settings are.
 * @throws UserError as `resolveGenerationConfig`, but for combinations
 */
export function checkLayers(...layers: ConfigLayer[]): void {
  readLayers(layers)
}

function readLayers(layers: readonly ConfigLayer[]) {
  const sources = new Map<GenerationField, Source>()
  const notices: string[] = []
  for (const { values, origin, fromModel = false, isShared = false } of layers) {
    const isWarnedOf = !fromModel && !isShared
    for (const [name, value] of Object.entries(fromModel ? withoutBookkeeping(values) : values)) {
      if (value === null || value === undefined) continue
      if (isField(name)) sources.set(name, { value, origin, fromModel, isWarnedOf })
      else if (fromModel) notices.push(`${name} in ${origin} is not a generation field and is ignored.`)
      else throw unknownField(name, origin)
    }
  }
  const config = parse(sources)
  refuseUnserved(config, sources)
  return { config, sources, notices }
}

function parse(sources: Sources): GenerationConfig {
  const values = Object.fromEntries([...sources].map(([field, { value }]) => [field, value]))
  const result = generationConfigSchema.safeParse(values)
  if (result.success) return result.data
  // One fault a field: a long list may have thousands.
  const faults = new Map([...result.error.issues].reverse().map((issue) => [issue.path[0], issue]))
  const first = result.error.issues.filter((issue) => faults.get(issue.path[0]) === issue)
  throw usageError(first.map((issue) => invalidValue(issue, sources)).join('\n'))
}

function invalidValue(issue: z.core.$ZodIssue, sources: Sources): string {
  const [field, ...inside] = issue.path
  const { value, origin } = sources.get(field as GenerationField)!
  const where = inside.length > 0 ? ` (at ${inside.join('.')})` : ''
  return `${String(field)} in ${origin} cannot be ${excerpt(JSON.stringify(value), 100)}${where}: ${faultOf(issue)}.`
}

function isField(name: string): name is GenerationField {
  return (fields as string[]).includes(name)
}

function unknownField(name: string, origin: string): UserError {
  if (callArguments.has(name)) {
    return usageError(`${name} in ${origin} is not a generation field: pass it to generate() itself.`)
  }
  const meant = nearest(name, fields)
  const advice = meant ? `the nearest one is ${meant}` : 'leave it out'
  return usageError(`${name} in ${origin} is not a generation field; ${advice}.`)
}
