import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  isTemporary,
  makeDirectory,
  readBytes,
  readJsonIfThere,
  readText,
  temporaryName,
  writeFileWhole,
} from '../src/files.js'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'files-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))
const at = (name: string) => join(directory, name)

describe('readText', () => {
  test('leaves a byte order mark out', async () => {
    writeFileSync(at('a'), '\uFEFF{"a": 1}')
    expect(await readText(at('a'))).toBe('{"a": 1}')
    expect(await readJsonIfThere(at('a'))).toEqual({ a: 1 })
  })

  test.each([
    ['nothing', 'there is no such file or directory'],
    ['.', 'it is a directory'],
    ['file/below', 'a part of its path is no directory'],
  ])('says of %s why it cannot be read, once', async (name, reason) => {
    writeFileSync(at('file'), '')
    const error = await readText(at(name)).catch((error) => error)
    expect(error.message).toBe(`${at(name)} cannot be read: ${reason}.`)
  })

  test('ends at its limit, where a file never does', async () => {
    await expect(readBytes('/dev/zero', 5e6)).rejects.toThrow(
      '/dev/zero is too large: at most 5,000,000 bytes',
    )
  })

  test('is undefined for what is missing alone', async () => {
    expect(await readJsonIfThere(at('nothing'))).toBeUndefined()
    await expect(readJsonIfThere(directory)).rejects.toThrow('it is a directory')
  })
})

describe('makeDirectory', () => {
  test('makes parents, and takes what is there', async () => {
    await makeDirectory(at('a/b/c'))
    await makeDirectory(at('a/b/c'))
    mkdirSync(at('real'))
    symlinkSync(at('real'), at('link'))
    await makeDirectory(at('link/d'))
    expect(existsSync(at('real/d'))).toBe(true)
  })

  test('many at once make one, also where one has just made the parent', async () => {
    const depths = ['x', 'x/y', 'x/y/z', 'x/y/z/w', 'x/y/z/w/v']
    for (let round = 0; round < 100; round++) {
      await Promise.all(depths.map((path) => makeDirectory(at(`${round}/${path}`))))
      expect(existsSync(at(`${round}/x/y/z/w/v`))).toBe(true)
    }
  })

  test.runIf(existsSync('/proc/self'))('fails where the parent says that there is none', async () => {
    await expect(makeDirectory('/proc/nohome/a/b')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test.each([['file'], ['file/below'], ['dangling'], ['dangling/below']])('fails at %s', async (name) => {
    writeFileSync(at('file'), '')
    symlinkSync(at('nowhere'), at('dangling'))
    await expect(makeDirectory(at(name))).rejects.toMatchObject({ code: expect.stringMatching(/^E/) })
  })
})

test('a file that cannot be written is named, and not the one beside it', async () => {
  const error = await writeFileWhole(at('none/x.json'), '').catch((error) => error)
  expect(error.message).toBe(`Cannot write ${at('none/x.json')}: there is no such file or directory.`)
})

test('a temporary name is known as one, and whose it is', () => {
  const name = temporaryName('log.jsonl')
  expect(isTemporary(name)).toBe(true)
  expect(isTemporary(name, 'log.jsonl')).toBe(true)
  for (const other of ['log', 'x.log.jsonl']) expect(isTemporary(name, other)).toBe(false)
  for (const own of ['log.jsonl', 'mine.tmp', 'run.1.tmp']) expect(isTemporary(own)).toBe(false)
})
