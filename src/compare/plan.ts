import { parseYaml } from '../config/yaml.js'
import { usageError } from '../errors.js'
import { readText } from '../files.js'
import { isJsonObject } from '../json.js'
import { parseSpecification, type Specification, specificationOf } from './specification.js'

/** What a file says of a comparison. */
export interface Plan {
  /** A file of prompts. */
  readonly prompts?: string
  /** GenerationConfig fields of all strategies. */
  readonly settings: Readonly<Record<string, unknown>>
  readonly strategies: readonly Specification[]
  /** By name. */
  readonly scorers: readonly string[]
}

/** Bytes of a plan at most. */
const MOST = 2 ** 20

const FIELDS = ['prompts', 'settings', 'strategies', 'scorers']

/** @throws UserError for a file that cannot be read, exit code 2 for what is no plan */
export async function readPlan(file: string): Promise<Plan> {
  return parsePlan(await readText(file, MOST), file)
}

/** @throws UserError, exit code 2, naming the file and what is wrong in it */
export function parsePlan(text: string, file: string): Plan {
  const value = parseYaml(text, file)
  if (!isJsonObject(value)) throw usageError(`${file} holds no fields: it may have ${FIELDS.join(', ')}.`)
  const unknown = Object.keys(value).find((field) => !FIELDS.includes(field))
  if (unknown !== undefined) {
    throw usageError(`${unknown} in ${file} is no field of a comparison: it may have ${FIELDS.join(', ')}.`)
  }
  const { prompts, settings, strategies, scorers } = value
  const refuse = (field: string, wanted: string) => {
    throw usageError(`${field} in ${file} is ${JSON.stringify(value[field])}: give ${wanted}.`)
  }
  if (prompts != null && typeof prompts !== 'string') refuse('prompts', 'the path of a file')
  if (settings != null && !isJsonObject(settings)) refuse('settings', 'GenerationConfig fields')
  if (strategies != null && !Array.isArray(strategies)) refuse('strategies', 'a list')
  const isText = (item: unknown) => typeof item === 'string'
  if (scorers != null && !(Array.isArray(scorers) && scorers.every(isText)))
    refuse('scorers', 'a list of texts')
  return {
    prompts: (prompts as string | null) ?? undefined,
    settings: (settings as Plan['settings'] | null) ?? {},
    strategies: ((strategies as unknown[] | null) ?? []).map((entry, i) => strategyOf(entry, i, file)),
    scorers: (scorers as string[] | null) ?? [],
  }
}

function strategyOf(entry: unknown, index: number, file: string): Specification {
  if (typeof entry === 'string') return parseSpecification(entry)
  const origin = `strategy ${index + 1} of ${file}`
  if (isJsonObject(entry)) return specificationOf(entry, origin)
  throw usageError(`${origin} is ${JSON.stringify(entry)}: give a kind and its fields.`)
}
