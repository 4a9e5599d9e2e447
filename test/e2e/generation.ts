import { expect } from 'vitest'
import type { GenerationJson } from '../../src/cli/generate/json.js'
import { runClass } from './cli.js'

/** The line that a generation ends with on stderr. */
export const STATISTICS =
  /^\d+ prompt \+ \d+ generated tokens · first after \d+\.\d\d s · \d+\.\d tok\/s · peak \d+\.\d [MG]B( · (\d+ of \d+ )?stopped (at|after) .+)?\n$/

/** Runs a generating command, which has to succeed, and gives its text without the final newline. */
export async function text(args: readonly string[], command = 'generate'): Promise<string> {
  const { code, stdout, stderr } = await runClass(command, args)
  expect(stderr).toMatch(STATISTICS)
  expect(code).toBe(0)
  return stdout.replace(/\n$/, '')
}

/** The same with --json, of which it gives the object. */
export async function json(args: readonly string[], command = 'generate'): Promise<GenerationJson> {
  const { code, stdout, stderr } = await runClass(command, ['--json', ...args])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout)
}
