/**
 * Runs the configurations of `searches.py`, which says how, and prints what differs from HF: ids of searches, scores by more than
 * 1e-3 relative, processed scores of sampling. Exits with 1 where something does.
 *
 *     npx tsx scripts/oracle/compare-searches.ts MODEL_DIRECTORY hf.json
 */
import { readFileSync } from 'node:fs'
import { generate } from '../../src/generation/generate.js'
import { loadModel } from '../../src/language-model/load.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import type { Strategy } from '../../src/strategies/strategy.js'

interface Case {
  readonly prompt: readonly number[]
  readonly settings: Readonly<Record<string, unknown>>
  readonly sequences?: readonly { readonly ids: readonly number[]; readonly score?: number }[]
  readonly ids?: readonly number[]
  readonly scores?: readonly string[]
  readonly error?: string
}

const TOLERANCE = 1e-3

const [directory, file] = process.argv.slice(2)
const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: readonly Case[] }
const model = await loadModel(directory, { device: 'cpu', dtype: 'fp32' })

let differing = 0
let errors = 0
let ties = 0
for (const [i, one] of cases.entries()) {
  if (one.error !== undefined) {
    errors++
    console.log(`${i}: HF raises ${one.error}`)
    continue
  }
  const difference = await differenceOf(one).catch((error: Error) => `we refuse: ${error.message}`)
  if (difference === undefined) continue
  differing++
  console.log(`${i}: ${difference}\n   ${JSON.stringify(one.prompt)} ${JSON.stringify(one.settings)}`)
}
console.log(
  `${cases.length} configurations, of which HF raises in ${errors}: ${differing} differ, ${ties} sequences are others of the same score.`,
)
await model.dispose()
process.exitCode = differing > 0 ? 1 : 0

/** Equal scores are in no order that torch would promise. */
function isTie(own: number | undefined, hf: number | undefined): boolean {
  return own !== undefined && hf !== undefined && Math.abs(own - hf) <= 1e-5 * Math.max(1, Math.abs(hf))
}

function differenceOf(one: Case): Promise<string | undefined> {
  return one.scores ? sampledDifference(one) : searchDifference(one)
}

async function searchDifference({ prompt, settings, sequences = [] }: Case): Promise<string | undefined> {
  const found = await generate(model, prompt, layers(settings)).result()
  for (const [i, { ids, score }] of sequences.entries()) {
    const own = found.sequences[i]
    if (isTie(own?.sequence_score, score)) {
      if (own.ids.join() !== ids.join()) ties++
      continue
    }
    if (own?.ids.join() !== ids.join()) return `sequence ${i}: ${own?.ids.join()}, HF ${ids.join()}`
    if (score === undefined) continue
    const error = Math.abs(own.sequence_score! - score)
    if (!(error <= TOLERANCE * Math.max(1, Math.abs(score)))) {
      return `sequence ${i}: score ${own.sequence_score}, HF ${score}`
    }
  }
  return undefined
}

/** The processed scores after the ids that HF drew. */
async function sampledDifference({
  prompt,
  settings,
  ids = [],
  scores = [],
}: Case): Promise<string | undefined> {
  let step = 0
  const strategy: Strategy = draftVerify(undefined, (_, target) => {
    target(-1)
    return { path: [], next: ids[step++] }
  })
  const kept = { ...settings, return_dict_in_generate: true, output_scores: true }
  const { sequences } = await generate(model, prompt, layers(kept), { strategy }).result()
  const own = sequences[0].scores ?? []
  if (own.length !== scores.length) return `${own.length} steps, HF ${scores.length}`
  for (const [i, text] of scores.entries()) {
    const bytes = Buffer.from(text, 'base64')
    const expected = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
    for (const [token, score] of expected.entries()) {
      const isSame =
        score === own[i][token] || Math.abs(score - own[i][token]) <= TOLERANCE * Math.max(1, Math.abs(score))
      if (!isSame) return `step ${i}, token ${token}: ${own[i][token]}, HF ${score}`
    }
  }
  return undefined
}

function layers(values: Readonly<Record<string, unknown>>) {
  return [{ values, origin: 'the case' }]
}
