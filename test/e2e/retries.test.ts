import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileWriter, isolateEnvironment, on, runClass, temporaryDirectory } from './cli.js'
import { testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)
const model = writeTextModel(join(home, 'model'), { config: { max_position_embeddings: 8192 } })
isolateEnvironment(home)

const HELD = ['--schema', '{"type":"integer","minimum":1,"maximum":9}', '--max-new-tokens', '20']

async function generated(command: string, ...args: string[]) {
  const run = await runClass(
    'generate',
    on(model, 'hello', ...HELD, '--validate', command, '--json', ...args),
  )
  const code = run.code || Number(process.exitCode ?? 0)
  process.exitCode = undefined
  return { ...run, code, result: JSON.parse(run.stdout) }
}

/** A command that counts its calls in a file. */
function counting(name: string, then: string): { readonly command: string; calls(): number } {
  const log = join(home, name)
  return {
    command: `echo call >> '${log}'; n=$(grep -c call '${log}'); ${then}`,
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0),
  }
}

test('a validator that passes at the second try', async () => {
  const { command, calls } = counting('second', 'test $n -ge 2 || { echo "try $n"; exit 1; }')
  const { code, result } = await generated(command, '--retries', '5')
  expect(result).toMatchObject({ passed: true, attempts: 2, failures: [{ failure: 'try 1' }] })
  expect([code, calls()]).toEqual([0, 2])
})

test('a validator that never passes: the last answer is printed, exit code 1', async () => {
  const { command, calls } = counting('never', 'echo no >&2; exit 3')
  const { code, result, stderr } = await generated(command, '--retries', '2')
  expect(result).toMatchObject({ passed: false, attempts: 3, value: expect.any(Number) })
  expect(result.failures.map(({ failure }: { failure: string }) => failure)).toEqual(['no', 'no', 'no'])
  expect([code, calls()]).toEqual([1, 3])
  expect(stderr).toContain('Attempt 3 is not valid: no')
})

test.each([
  ['hangs', 'sleep 600', ['--validate-timeout', '1'], 'took longer than 1 s, and was ended'],
  ['crashes', 'kill -SEGV $$', [], 'was ended by SIGSEGV'],
  ['is not there', 'no-such-validator-here', [], 'cannot be run'],
])('a validator that %s ends the attempts, and the answer is kept', async (_, command, args, why) => {
  const { code, result } = await generated(command, '--retries', '3', ...args)
  expect(result).toMatchObject({ passed: false, attempts: 1, value: expect.any(Number) })
  expect(result.failures[0].failure).toContain(why)
  expect(code).toBe(1)
})

test('a validator that prints 10 MB: the model is told the beginning', async () => {
  const { command } = counting('long', "head -c 10000000 /dev/zero | tr '\\0' x; test $n -ge 2")
  const { code, result } = await generated(command, '--retries', '1')
  expect(result).toMatchObject({ passed: true, attempts: 2 })
  expect(result.failures[0].failure).toMatch(/^x{2000}…$/)
  expect(code).toBe(0)
})

test('a validator that reads nothing, or leaves a child with its output, is no fault', async () => {
  for (const command of ['exec <&-; exit 0', 'sleep 600 & exit 0', 'echo fine'])
    expect((await generated(command)).result).toMatchObject({ passed: true, attempts: 1, failures: [] })
})

test('the value is on its stdin as JSON, a text as it is', async () => {
  const seen = join(home, 'seen')
  const { result } = await generated(`cat > '${seen}'`, '--format', 'xml')
  expect(readFileSync(seen, 'utf8')).toBe(String(result.value))
  expect(result.text).toBe(`<data>${result.value}</data>`)
  const run = await runClass(
    'generate',
    on(model, 'hello', '--max-new-tokens', '5', '--validate', `cat > '${seen}'`),
  )
  expect(readFileSync(seen, 'utf8')).toBe(run.stdout.replace(/\n$/, ''))
})

test('rows of a batch are judged; one that does not pass has its answer and an error', async () => {
  const rows = [1, 2].map((id) => JSON.stringify({ id, prompt: 'hello' })).join('\n')
  const input = file(rows, 'rows.jsonl')
  const validate = 'grep -q 77 || { echo "not 77"; exit 1; }'
  const output = join(home, 'out.jsonl')
  await runClass('batch', on(model, input, ...HELD, '--retries', '1', '--validate', validate, '-o', output))
  process.exitCode = undefined
  const written = readFileSync(output, 'utf8').trimEnd().split('\n')
  expect(written).toHaveLength(2)
  for (const line of written)
    expect(JSON.parse(line)).toMatchObject({
      value: expect.any(Number),
      attempts: 2,
      failures: [{ failure: 'not 77' }, { failure: 'not 77' }],
      error: 'None of 2 answers is valid: not 77',
    })
})

testRefusals('retries refuse', [
  {
    name: 'to judge by nothing',
    command: 'generate',
    args: on(model, 'x', '--retries', '1'),
    code: 2,
    says: /^--retries needs something to judge answers by: /,
  },
  {
    name: 'several answers',
    command: 'generate',
    args: on(model, 'x', '--validate', 'true', '--num-return-sequences', '2', '--do-sample'),
    code: 2,
    says: /^num_return_sequences is 2, but one answer is validated/,
  },
  {
    name: 'a number that is none',
    command: 'generate',
    args: on(model, 'x', '--validate', 'true', '--retries', '-1'),
    code: 2,
    says: /^--retries: Expected an integer/,
  },
  {
    name: 'a time without a command',
    command: 'generate',
    args: on(model, 'x', '--validate-timeout', '3'),
    code: 2,
    says: /--validate/,
  },
])
