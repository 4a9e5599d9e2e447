/**
 * Plants faults one by one, and tells which of them no test finds:
 *   npx tsx scripts/mutants [FIRST LAST]
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { MUTANTS } from './mutants.js'

const [first = 1, last = MUTANTS.length] = process.argv.slice(2).map(Number)
if (![first, last].every((number) => MUTANTS[number - 1] !== undefined)) {
  throw new Error(`There are mutants 1 to ${MUTANTS.length}: give the first and the last.`)
}
const started = performance.now()
const survivors: number[] = []
for (let number = first; number <= last; number++) {
  const { file, find, replace, tests } = MUTANTS[number - 1]
  const places = readFileSync(file, 'utf8').split(find).length - 1
  if (places !== 1) throw new Error(`Mutant ${number}: ${file} has ${JSON.stringify(find)} ${places} times.`)
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config',
      'scripts/mutants/vitest.config.ts',
      '--bail',
      '1',
      ...tests,
    ],
    { encoding: 'utf8', env: { ...process.env, MUTANT: String(number) } },
  )
  // A fault that keeps the tests from starting was not found by one.
  const isCaught = status !== 0 && /^.*Tests .*\d+.* failed/m.test(stdout)
  if (!isCaught) survivors.push(number)
  console.log(
    `${isCaught ? 'caught  ' : 'SURVIVED'} ${number} ${file}: ${find} → ${replace}`.replaceAll(/\s+/g, ' '),
  )
}
const seconds = Math.round((performance.now() - started) / 1000)
console.log(`${last - first + 1} mutants, ${seconds} s: ${survivors.length} survived.`)
process.exitCode = survivors.length > 0 ? 1 : 0
