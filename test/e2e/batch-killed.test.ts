import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createRandom } from '../../src/random.js'
import { ended, fileWriter, Llm, on, temporaryDirectory } from './cli.js'
import { writeTextModel } from './text-model.js'

const ROWS = 2000
const KILLS = 20

const home = temporaryDirectory()
const llm = new Llm(home)
const file = fileWriter(home)
const model = writeTextModel(join(home, 'model'))

const SETTINGS = [
  {},
  { do_sample: true },
  { do_sample: true, temperature: 0.7, num_return_sequences: 2 },
  { num_beams: 2 },
  { prompt_lookup_num_tokens: 3 },
  { top_p: 3 },
]

/** Prompts of mixed lengths, with mixed settings; some of these are errors. */
function mixedRows(): string {
  const words = 'the one her and other sea test'.split(' ')
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const prompt = Array.from({ length: 1 + ((i * 7) % 9) }, (_, k) => words[(i * k + i) % 7]).join(' ')
    return { id: `row ${i}`, prompt, max_new_tokens: 1 + ((i * 5) % 4), ...SETTINGS[i % SETTINGS.length] }
  })
  return rows.map((row) => JSON.stringify(row)).join('\n')
}

const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** Kills a run once it has written so many bytes, after some more milliseconds, or at its end. */
async function killed(args: readonly string[], out: string, bytes: number, delay: number): Promise<boolean> {
  const child = llm.start(args)
  child.stdin.end()
  const end = ended(child)
  const wanted = sizeOf(out) + bytes
  while (child.exitCode === null && sizeOf(out) < wanted)
    await new Promise((resolve) => setTimeout(resolve, 2))
  await new Promise((resolve) => setTimeout(resolve, delay))
  child.kill('SIGKILL')
  return (await end).code === null
}

test(`killed ${KILLS} times, ${ROWS} rows are those of a run without a break`, {
  timeout: 300_000,
}, async () => {
  const rows = file(mixedRows(), 'rows.jsonl')
  const args = (out: string) => ['batch', rows, '-o', out, ...on(model, '--seed', '5', '--max-batch', '32')]
  const whole = join(home, 'whole.jsonl')
  expect((await llm.run(args(whole))).code).toBe(1)

  const out = join(home, 'out.jsonl')
  const random = createRandom(1)
  let kills = 0
  for (let i = 0; i < KILLS; i++) {
    // While the model is loaded, or in the midst of it.
    const bytes = i % 4 === 0 ? 0 : Math.floor(random() * 1.2 * (sizeOf(whole) / KILLS))
    if (await killed(args(out), out, bytes, random() * (i % 4 === 0 ? 1000 : 20))) kills++
    // Only the last line may be cut off.
    for (const line of text(out).split('\n').slice(0, -1)) JSON.parse(line)
  }
  expect(kills).toBe(KILLS)
  expect(sizeOf(out)).toBeLessThan(sizeOf(whole))
  const last = await llm.run(args(out))
  expect(last.code).toBe(1)
  expect(last.stderr).toMatch(/^2000 rows, \d+ of them from before · 333 failed · /m)
  const sorted = (path: string) => text(path).split('\n').sort()
  expect(sorted(out)).toEqual(sorted(whole))
  expect(new Set(sorted(out)).size).toBe(ROWS + 1)
})

function text(path: string): string {
  return sizeOf(path) > 0 ? readFileSync(path, 'utf8') : ''
}
