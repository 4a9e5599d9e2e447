import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MUTANTS } from '../../scripts/mutants/mutants.js'

test('the faults that `npx tsx scripts/mutants` plants stand in the sources, each in one place', () => {
  const root = join(import.meta.dirname, '../..')
  for (const { file, find, replace } of MUTANTS) {
    expect(readFileSync(join(root, file), 'utf8').split(find).length - 1, `${file}: ${find}`).toBe(1)
    expect(replace).not.toBe(find)
  }
})
