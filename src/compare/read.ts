import * as z from 'zod'
import { usageError } from '../errors.js'
import { readText } from '../files.js'
import { parseJson } from '../json.js'
import type { Comparison } from '../report/comparison.js'

const number = z.number()
/** A figure that may be missing: NaN, for which JSON has null. */
const figure = number.nullable().transform((value) => value ?? Number.NaN)
const text = z.string()
const settings = z.record(z.string(), z.unknown())
const scores = z.record(z.string(), figure)
const estimate = z.object({ median: figure, low: figure, high: figure })

const output = z.object({
  id: text,
  text,
  finish_reason: text,
  valid: z.boolean().nullable().default(null),
  tokens: number,
  differs_at: number.nullable(),
  mean_log_probability: figure,
  scores,
  runs: z.array(z.object({ time_to_first_token: figure, tokens_per_second: figure })),
})

const strategy = z.object({
  name: text,
  specification: text,
  settings,
  lossy: z.boolean(),
  time_to_first_token: estimate,
  tokens_per_second: estimate,
  speed_ratio: estimate,
  tokens_per_forward: figure,
  acceptance_by_depth: z.array(figure).nullable(),
  draft_time: number.nullable(),
  verify_time: number.nullable(),
  language: z
    .object({ field: text, value: z.unknown(), valid: figure, forced: figure, mask_time: figure })
    .nullable()
    .default(null),
  peak_memory: number.nullable(),
  identical: number,
  mean_log_probability: figure,
  distinct: z.tuple([figure, figure, figure]),
  repetition: figure,
  scores,
  token_times: z.array(figure),
  outputs: z.array(output),
})

/** `Comparison`, with fields of later versions let through. */
const comparison = z.object({
  format: z.literal('llm-compare/1'),
  created: text,
  command: text,
  seed: number,
  repetitions: number,
  warm_up: number,
  machine: z.object({ cpu: text, cores: number, memory: number, os: text, threads: number }),
  versions: z.object({ llm: text, node: text, onnxruntime: text }),
  model: z.object({
    name: text,
    fingerprint: text,
    dtype: text,
    device: text,
    parameters: number.nullable(),
  }),
  settings,
  prompts: z.array(z.object({ id: text, text, tokens: number })),
  scorers: z.array(text),
  reference: text,
  strategies: z.array(strategy).min(1),
})

/** @throws UserError for a file that cannot be read, exit code 2 for one that holds no comparison */
export async function readComparison(file: string): Promise<Comparison> {
  const content = await readText(file)
  const result = comparison.safeParse(parsed(content, file))
  if (result.success) return result.data
  const [{ path, message }] = result.error.issues
  const where = path.length > 0 ? `${path.join('.')}: ${message}` : message
  throw usageError(`${file} is no comparison: give what llm compare wrote with --json or -o. (${where})`)
}

function parsed(content: string, file: string): unknown {
  try {
    return parseJson(content, file)
  } catch {
    return undefined
  }
}
