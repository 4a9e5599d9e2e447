import { describe, expect, test } from 'vitest'
import { type Run, runClass } from './cli.js'

/** What a command answers to bad input: its exit code, and what stderr says after `Error: `. */
export interface Refusal {
  readonly code: 1 | 2
  readonly says: string | RegExp
  /** Faults that are told, one a line. */
  readonly lines?: number
  /** What may come before the error: progress. */
  readonly progress?: RegExp
}

/** A row of a table of bad input. */
export interface BadInput extends Refusal {
  readonly name: string
  readonly command?: string
  readonly args: readonly string[]
}

/** Runs every row as a command class, without and with `--json`. */
export function testRefusals(group: string, rows: readonly BadInput[]): void {
  describe(group, () => {
    test.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
      const { command = 'generate', args } = row
      expectRefusal(await runClass(command, args), row)
      expectJsonRefusal(await runClass(command, ['--json', ...args]), row)
    })
  })
}

/** One clear sentence on stderr, no stack trace, and nothing on stdout. */
export function expectRefusal(run: Run, { code, says, lines = 1, progress }: Refusal): void {
  expect(run.stdout).toBe('')
  const stderr = progress ? run.stderr.replace(progress, '') : run.stderr
  expect(stderr).toMatch(/^Error: .*\n$/s)
  const message = stderr.slice('Error: '.length, -1)
  expectMessage(message, says)
  expect(message.split('\n')).toHaveLength(lines)
  expect(run.code).toBe(code)
}

/** The same as an object on stdout. */
export function expectJsonRefusal(run: Run, { code, says, progress }: Refusal): void {
  expect(progress ? run.stderr.replace(progress, '') : run.stderr).toBe('')
  const { error, ...rest } = JSON.parse(run.stdout)
  expect(rest).toEqual({})
  expect(error).toEqual({ message: expect.any(String), exitCode: code })
  expectMessage(error.message, says)
  expect(run.code).toBe(code)
}

function expectMessage(message: string, says: string | RegExp): void {
  if (typeof says === 'string') expect(message).toBe(says)
  else expect(message).toMatch(says)
  expect(message).not.toMatch(/\n\s+at /)
}
