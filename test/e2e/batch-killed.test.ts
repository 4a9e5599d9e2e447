import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createRandom } from '../../src/random.js'
import { ended, fileWriter, Llm, on, temporaryDirectory } from './cli.js'
import { writeTextModel } from './text-model.js'

const ROWS = 1000
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
function mixedRows(): string[] {
  const words = 'the one her and other sea test'.split(' ')
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const prompt = Array.from({ length: 1 + ((i * 7) % 9) }, (_, k) => words[(i * k + i) % 7]).join(' ')
    return { id: `row ${i}`, prompt, max_new_tokens: 1 + ((i * 5) % 4), ...SETTINGS[i % SETTINGS.length] }
  })
  return rows.map((row) => `${JSON.stringify(row)}\n`)
}

const textOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '')
const linesOf = (path: string) => textOf(path).split('\n')

/** Waits for something that has to come, as long as the process runs. */
async function until(child: ChildProcess, holds: () => boolean): Promise<void> {
  while (child.exitCode === null && !holds()) await new Promise((resolve) => setTimeout(resolve, 1))
}

/**
 * Kills a run once it has the lock and has written some rows, or none. It is given rows through a pipe that stays open:
 * however fast it is, it cannot have ended by then.
 */
async function kill(args: readonly string[], out: string, rows: readonly string[], count: number) {
  const child = llm.start(['batch', '-', '-o', out, ...args])
  const end = ended(child)
  child.stdin.on('error', () => {})
  child.stdin.write(rows.join(''))
  const wanted = linesOf(out).length + count
  await until(child, () => textOf(`${out}.lock`).split(' ')[1] === `${child.pid}`)
  await until(child, () => linesOf(out).length >= wanted)
  child.kill('SIGKILL')
  const { code, stderr } = await end
  expect([code, stderr]).toEqual([null, expect.not.stringContaining('Error')])
}

test(`killed ${KILLS} times, ${ROWS} rows are those of a run without a break`, {
  timeout: 600_000,
}, async () => {
  const lines = mixedRows()
  const rows = file(lines.join(''), 'rows.jsonl')
  const args = on(model, '--seed', '5', '--max-batch', '32')
  const whole = join(home, 'whole.jsonl')
  expect((await llm.run(['batch', rows, '-o', whole, ...args])).code).toBe(1)

  const out = join(home, 'out.jsonl')
  const random = createRandom(1)
  for (let i = 0; i < KILLS; i++) {
    // Some rows are left for the last run, whatever each of the others came to do.
    const given = lines.slice(0, Math.floor(((i + 1) * ROWS) / (KILLS + 1)))
    const left = given.length - (linesOf(out).length - 1)
    // While the model is loaded, or in the midst of the rows.
    await kill(args, out, given, i % 4 === 0 ? 0 : Math.floor(random() * left))
    // Only the last line may be cut off.
    for (const line of linesOf(out).slice(0, -1)) JSON.parse(line)
  }
  const last = await llm.run(['batch', rows, '-o', out, ...args])
  expect(last.code).toBe(1)
  expect(last.stderr).toMatch(/^1000 rows, \d+ of them from before · 166 failed · /m)
  const sorted = (path: string) => linesOf(path).sort()
  expect(sorted(out)).toEqual(sorted(whole))
  expect(new Set(sorted(out)).size).toBe(ROWS + 1)
  // Nor is anything left beside it but the record.
  expect(readdirSync(home).filter((name) => name.startsWith('out.'))).toEqual([
    'out.jsonl',
    'out.jsonl.run.json',
  ])
})
