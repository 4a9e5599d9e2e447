import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from '@oclif/core'
import { describe, expect, test } from 'vitest'

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../oclif.manifest.json'), 'utf8'))
const commands = Object.entries<Command.Cached>(manifest.commands)

/** Flags that a reader takes in without headings. */
const FEW = 8

const flagsOf = (command: Command.Cached) =>
  Object.values(command.flags).flatMap((flag) => [
    `--${flag.name}`,
    ...(flag.aliases ?? []).map((alias) => `--${alias}`),
    ...(flag.type === 'boolean' && flag.allowNo ? [`--no-${flag.name}`] : []),
  ])

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
    // Of a pipe each part has the flags of its own command.
    const parts = (command.examples ?? []).flatMap((example) => String(example).split(' | '))
    for (const part of parts) {
      const other = /^<%= config\.bin %> ([a-z]+)/.exec(part)?.[1]
      const served = flagsOf(other === undefined ? command : manifest.commands[other])
      for (const flag of part.match(/(?<=\s)--[a-z][\w-]*/g) ?? []) expect(served).toContain(flag)
    }
  })
})
