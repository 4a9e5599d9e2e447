import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { withOutput } from '../../src/batch/open-output.js'
import type { RowOutput } from '../../src/batch/output.js'
import { OutputFile } from '../../src/batch/output-file.js'
import { errorRow } from '../../src/batch/result.js'
import { temporaryDirectory } from '../weights/files.js'

const home = temporaryDirectory()
let count = 0
const newPath = () => join(home, `${++count}.jsonl`)

const row = (id: string | number | null, error?: string) => {
  const line = id === null ? ',"line":7' : ''
  return `{"id":${JSON.stringify(id)}${line},${error ? `"error":"${error}"` : '"text":"é"'}}`
}
const A = row('a')
const B = row('b', 'Bad.')
const C = row(3)

/** Opens a file that holds `before`; gives what `use` gives, and what the file holds then. */
async function opened<T>(
  before: string | Buffer | undefined,
  use: (output: RowOutput) => T | Promise<T>,
  retryErrors = false,
) {
  const path = newPath()
  if (before !== undefined) writeFileSync(path, before)
  const stdout = new PassThrough()
  const given = await withOutput(path, { retryErrors, stdout }, async (output) => use(output))
  return { given, path, after: readFileSync(path, 'utf8') }
}

const keys = (output: RowOutput) => [...output.written.keys()]
const add = (output: RowOutput, id: string, error = 'Bad.') =>
  output.write(errorRow({ id, line: 1, passed: {}, error }))

describe('an output file', () => {
  test('is made where there is none, and written line by line', async () => {
    const { given, after } = await opened(undefined, (output) => {
      add(output, 'a')
      return keys(output)
    })
    expect(given).toEqual(['"a"'])
    expect(after).toBe(`${B.replace('"b"', '"a"')}\n`)
  })

  test('tells what it has', async () => {
    const drawn = '{"id":"d","text":"x","seed":12}'
    const { given, after } = await opened(`${A}\n${B}\n${row(null, 'Bad.')}\n${drawn}\n`, (output) => [
      ...output.written,
    ])
    expect(given).toEqual([
      ['"a"', { error: undefined, seed: undefined }],
      ['"b"', { error: 'Bad.', seed: undefined }],
      ['line 7', { error: 'Bad.', seed: undefined }],
      ['"d"', { error: undefined, seed: 12 }],
    ])
    expect(after).toBe(`${A}\n${B}\n${row(null, 'Bad.')}\n${drawn}\n`)
  })

  test('cut off at any byte keeps its whole lines, and goes on after them', async () => {
    const bytes = Buffer.from(`${A}\n${C}\n`)
    const first = Buffer.byteLength(`${A}\n`)
    for (let length = 0; length <= bytes.length; length++) {
      const { given, after } = await opened(bytes.subarray(0, length), (output) => {
        const found = keys(output)
        add(output, 'b')
        return found
      })
      // A row without its newline is whole too.
      const rows = [A, C].slice(0, (length >= first - 1 ? 1 : 0) + (length >= bytes.length - 1 ? 1 : 0))
      expect(given).toEqual(['"a"', '3'].slice(0, rows.length))
      expect(after).toBe([...rows, B, ''].join('\n'))
    }
  })

  test.each([
    ['another text', 'Dear diary,\n'],
    ['another text without a newline', 'Dear diary'],
    ['JSON of another kind', '{"prompt":"Hi"}\n'],
    ['a line that is cut off in the middle of the file', `${A.slice(0, -3)}\n${C}\n`],
  ])('is refused and left as it is where it holds %s', async (_, text) => {
    const path = newPath()
    writeFileSync(path, text)
    const stdout = new PassThrough()
    const opening = withOutput(path, { retryErrors: false, stdout }, async () => {})
    await expect(opening).rejects.toMatchObject({
      message: expect.stringMatching(/^Line 1 of \S+ was not written by this command: /),
      exitCode: 2,
    })
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  test('is refused where it has a row twice', async () => {
    await expect(opened(`${A}\n${C}\n${A}\n`, keys)).rejects.toThrow(/has the row "a" twice, again in line 3/)
  })

  test('forgets errors that are to be tried again', async () => {
    const { given, after, path } = await opened(
      `${row('x', 'Bad.')}\n${A}\n${B}\n${C}\n${row(null, 'Bad.')}\n`,
      (output) => {
        const found = keys(output)
        add(output, 'b', 'Worse.')
        return found
      },
      true,
    )
    expect(given).toEqual(['"a"', '3'])
    expect(after).toBe(`${A}\n${C}\n${row('b', 'Worse.')}\n`)
    expect(readdirSync(home).filter((name) => name.startsWith(`${path}.`))).toEqual([])
  })

  test('is brought into order, the rows that were written since too', async () => {
    const places = new Map([
      ['"a"', 1],
      ['"b"', 2],
      ['3', 3],
    ])
    const { after } = await opened(`${C}\n${A}\n`, (output) => {
      add(output, 'b')
      output.sort(places)
      output.sort(places)
    })
    expect(after).toBe(`${A}\n${B}\n${C}\n`)
  })

  test('may be a link, and stays one', async () => {
    const target = newPath()
    writeFileSync(target, `${B}\n`)
    const link = newPath()
    symlinkSync(target, link)
    const stdout = new PassThrough()
    await withOutput(link, { retryErrors: true, stdout }, async (output) => add(output, 'a'))
    expect(readFileSync(target, 'utf8')).toBe(`${row('a', 'Bad.')}\n`)
    expect(readFileSync(link, 'utf8')).toBe(readFileSync(target, 'utf8'))
  })

  test('is of one run at a time', async () => {
    const path = newPath()
    const options = { retryErrors: false, stdout: new PassThrough() }
    const again = await withOutput(path, options, () =>
      withOutput(path, options, async () => {}).catch((error) => error),
    )
    expect(again).toMatchObject({
      message: expect.stringMatching(/ is being written by another run: /),
      exitCode: 2,
    })
    expect(existsSync(`${path}.lock`)).toBe(false)
    await withOutput(path, options, async () => {})
  })

  test('that was locked by a run which has died is taken over', async () => {
    const path = newPath()
    const options = { retryErrors: false, stdout: new PassThrough() }
    const { pid } = spawnSync('true')
    writeFileSync(`${path}.lock`, `${hostname()} ${pid} x`)
    await withOutput(path, options, async () => {})
    expect(existsSync(`${path}.lock`)).toBe(false)
  })

  test('of a run that may still live is gone on with in a copy, and that run writes nowhere', async () => {
    const path = newPath()
    writeFileSync(path, `${A}\n`)
    const lock = { assertHeld() {}, mayHaveRival: false }
    // The other one has looked at its lock, and is about to write.
    const zombie = await OutputFile.open(path, { retryErrors: false, lock })
    const file = openSync(path, 'a')
    const output = await OutputFile.open(path, { retryErrors: false, lock: { ...lock, mayHaveRival: true } })
    writeSync(file, `${C}\n`)
    closeSync(file)
    output.write({ key: '"b"', text: B })
    expect(() => zombie.write({ key: '3', text: C })).toThrow(
      / has been replaced while this run wrote to it: nothing more/,
    )
    expect(() => zombie.sort(new Map([['"a"', 1]]))).not.toThrow()
    zombie.close()
    output.close()
    expect(readFileSync(path, 'utf8')).toBe(`${A}\n${B}\n`)
  })

  test('whose lock or file is another one by now is not written to, nor put in order', async () => {
    const path = newPath()
    writeFileSync(path, `${C}\n${A}\n`)
    const places = new Map([
      ['"a"', 1],
      ['3', 2],
    ])
    const options = { retryErrors: false, stdout: new PassThrough() }
    const lost = withOutput(path, options, async (output) => {
      writeFileSync(`${path}.lock`, 'elsewhere 1 x')
      expect(() => output.sort(places)).toThrow(/\.lock is another run's by now/)
      await add(output, 'b')
    })
    await expect(lost).rejects.toThrow(/\.lock is another run's by now, .+: nothing more is written\.$/)
    expect(readFileSync(path, 'utf8')).toBe(`${C}\n${A}\n`)
    expect(readdirSync(home).filter((name) => name.endsWith('.tmp'))).toEqual([])
    rmSync(`${path}.lock`)
    const removed = withOutput(path, options, async (output) => {
      rmSync(path)
      await add(output, 'b')
    })
    await expect(removed).rejects.toThrow(/ has been removed while this run wrote to it: nothing more/)
    expect(existsSync(path)).toBe(false)
  })

  test('loses what a killed run had left as it rewrote it', async () => {
    const path = newPath()
    const left = [`${path}.12-0123abcd.tmp`, `${path}.run.json.12-0123abcd.tmp`]
    for (const name of left) writeFileSync(name, 'half')
    writeFileSync(`${path}.mine.tmp`, "a user's own")
    await withOutput(path, { retryErrors: false, stdout: new PassThrough() }, async () => {})
    for (const name of left) expect(existsSync(name)).toBe(false)
    expect(existsSync(`${path}.mine.tmp`)).toBe(true)
  })

  test('that cannot be written is told of', async () => {
    const options = { retryErrors: false, stdout: new PassThrough() }
    const inNone = withOutput(join(home, 'none', 'out.jsonl'), options, async () => {})
    await expect(inNone).rejects.toThrow(
      /none\/out.jsonl cannot be written \(there is no such file or directory\): /,
    )
    expect(existsSync(join(home, 'none'))).toBe(false)
    const directory = newPath()
    mkdirSync(directory)
    await expect(withOutput(directory, options, async () => {})).rejects.toThrow(
      /cannot be written \(it is a directory\): /,
    )
  })
})

test('stdout is written line by line, and has no errors to be tried again', async () => {
  const stdout = new PassThrough()
  await withOutput('-', { retryErrors: false, stdout }, async (output) => {
    await add(output, 'b')
    expect(output.written.size).toBe(0)
  })
  expect(stdout.read().toString()).toBe(`${B}\n`)
  const retrying = withOutput('-', { retryErrors: true, stdout }, async () => {})
  await expect(retrying).rejects.toThrow(/^--retry-errors needs a file/)
})
