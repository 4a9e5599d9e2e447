import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from '@oclif/core'
import { describe, expect, test } from 'vitest'

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../oclif.manifest.json'), 'utf8'))
const commands = Object.entries<Command.Cached>(manifest.commands)

/** Flags that a reader takes in without headings. */
const FEW = 8

describe.each(commands)('the help of %s', (id, command) => {
  test('says what it does and has examples', () => {
    expect(command.summary).toMatch(/^[A-Z].*\.$/)
    if (id !== 'help') expect(command.examples?.length).toBeGreaterThan(0)
    for (const flag of Object.values(command.flags)) expect(flag.description ?? flag.summary).toBeTruthy()
  })

  test('groups its flags where there are many', () => {
    const flags = Object.values(command.flags)
    const loose = flags.filter(({ helpGroup }) => helpGroup === undefined).map(({ name }) => name)
    if (flags.length > FEW) expect(loose).toEqual([])
  })

  test('names no flag in its examples that is not there', () => {
    const served = Object.values(command.flags).flatMap((flag) => [
      `--${flag.name}`,
      ...(flag.aliases ?? []).map((alias) => `--${alias}`),
      ...(flag.type === 'boolean' && flag.allowNo ? [`--no-${flag.name}`] : []),
    ])
    const named = (command.examples ?? []).flatMap(
      (example) => String(example).match(/(?<=\s)--[a-z][\w-]*/g) ?? [],
    )
    for (const flag of named) expect(served).toContain(flag)
  })
})
