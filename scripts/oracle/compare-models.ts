/**
 * Compares models that scripts/oracle/models.py wrote with what HF transformers computed with them.
 *
 *     npx tsx scripts/oracle/compare-models.ts DIRECTORY
 *
 * Prints a line for each model that differs, in its logits (by more than 2e-4 of the largest, and what float32 itself is off) or its greedy ids, or that is refused, and
 * how many there were. Ends with 1 where one differs or is refused.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openModel } from '../../src/language-model/open.js'
import { loadOnnxModel } from '../../src/runtime/load.js'

interface Expected {
  readonly files: string
  readonly prompt: readonly number[]
  readonly ids: readonly number[]
  /** How far the logits are from those in float64, at most. */
  readonly noise: number
  /** Float32 in base64, [prompt, vocabulary]. */
  readonly logits: string
}

const TOLERANCE = 2e-4

/** What differs, or undefined. */
async function difference(directory: string): Promise<string | undefined> {
  const expected: Expected = JSON.parse(readFileSync(join(directory, 'expected.json'), 'utf8'))
  const { spec, store } = await openModel(directory)
  const { model } = await loadOnnxModel(spec, store, directory, { device: 'cpu', dtype: 'fp32' })
  await store.close()
  const cache = model.newCache()
  const parents = expected.prompt.map((_, i) => i - 1)
  const first = await model.forward(cache, [...expected.prompt], parents, undefined)
  const bytes = Buffer.from(expected.logits, 'base64')
  const logits = new Float32Array(new Uint8Array(bytes).buffer)
  let [worst, largest] = [0, 0]
  for (const [i] of expected.prompt.entries()) {
    const row = first.logits(i)
    const wanted = logits.subarray(i * row.length, (i + 1) * row.length)
    wanted.forEach((value, j) => {
      worst = Math.max(worst, Math.abs(value - row[j]))
      largest = Math.max(largest, Math.abs(value))
    })
  }
  const ids: number[] = []
  let scores = first.logits(expected.prompt.length - 1)
  while (ids.length < expected.ids.length) {
    ids.push(scores.indexOf(Math.max(...scores)))
    const output = await model.forward(cache, [ids.at(-1)!], [expected.prompt.length + ids.length - 2])
    scores = output.logits(0)
  }
  await model.dispose()
  if (!(worst <= TOLERANCE * largest + 2 * expected.noise))
    return `logits differ by ${worst} of ${largest} (${expected.files})`
  return String(ids) === String(expected.ids) ? undefined : `ids ${ids}, not ${expected.ids}`
}

const root = process.argv[2]
let different = 0
const names = readdirSync(root).sort()
for (const name of names) {
  const found = await difference(join(root, name)).catch((error: Error) => error.message)
  if (found === undefined) continue
  different++
  console.log(`${name}: ${found}`)
}
console.log(`${names.length} models, ${different === 0 ? 'no difference' : `${different} differ`}`)
process.exitCode = different === 0 ? 0 : 1
