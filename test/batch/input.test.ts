import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Input } from '../../src/batch/input.js'
import { lines } from '../../src/batch/lines.js'
import { keyOf } from '../../src/batch/row.js'
import { createRandom } from '../../src/random.js'
import { temporaryDirectory } from '../weights/files.js'
import { inputOf, rowsOf } from './memory.js'

const home = temporaryDirectory()

describe('lines', () => {
  test.each([1, 2, 3])('are the same however their bytes come: cut %i', async (seed) => {
    const random = createRandom(seed)
    const texts = Array.from({ length: 40 }, () => 'é\r'.repeat(Math.floor(random() * 9)))
    const bytes = Buffer.from(`${texts.join('\n')}\nlast`)
    const chunks: Buffer[] = []
    for (let start = 0; start < bytes.length; ) {
      const end = start + Math.floor(random() * 12)
      chunks.push(bytes.subarray(start, end))
      start = end
    }
    const found = []
    for await (const line of lines(chunks)) found.push(line)
    expect(found.map(({ bytes }) => bytes.toString())).toEqual([...texts, 'last'])
    expect(found.map(({ number }) => number)).toEqual(found.map((_, i) => i + 1))
    expect(found.map(({ isWhole }) => isWhole)).toEqual([...texts.map(() => true), false])
  })

  test('without an end are refused', async () => {
    const endless = function* () {
      yield Buffer.from('a\n')
      for (;;) yield Buffer.alloc(10)
    }
    const read = lines(endless(), 95)
    expect((await read.next()).value).toMatchObject({ number: 1 })
    await expect(read.next()).rejects.toThrow('Line 2 is too long: at most 95 bytes are read.')
  })
})

describe('the rows of an input', () => {
  const prompt = 'Hi'

  test('are its lines that are not blank', async () => {
    const input = inputOf([{ id: 'a', prompt }, '', ' \t\r', { prompt }, '{'])
    expect((await rowsOf(input)).map(keyOf)).toEqual(['"a"', '4', 'line 5'])
  })

  test('of a file can be read again', async () => {
    const path = join(home, 'rows.jsonl')
    writeFileSync(path, '{"prompt":"Hi"}\r\n{"id":"b","prompt":"Ho"}')
    const input = new Input(path)
    const first = await rowsOf(input)
    expect(first).toMatchObject([{ id: 1, prompt: 'Hi' }, { id: 'b' }])
    expect(await rowsOf(input)).toEqual(first)
    await expect(rowsOf(new Input(join(home, 'none')))).rejects.toThrow(
      /none cannot be read: there is no such file or directory/,
    )
  })

  test('have each id once: a second row with it is an error, which stands for its line', async () => {
    const rows = await rowsOf(
      inputOf([
        { id: 'a', prompt },
        { id: 3, prompt },
        { prompt },
        { id: 'a', prompt: 5, tag: 1 },
        { id: '3', prompt },
      ]),
    )
    expect(rows.map(keyOf)).toEqual(['"a"', '3', 'line 3', 'line 4', '"3"'])
    expect(rows.slice(2, 4)).toEqual([
      { line: 3, id: null, passed: {}, error: 'Line 3 has the id of line 2, 3: give it another one.' },
      {
        line: 4,
        id: null,
        passed: { tag: 1 },
        error: 'Line 4 has the id of line 1, "a": give it another one.',
      },
    ])
  })

  test.each([1, 2, 3, 7])('are in one of %i shards each', async (count) => {
    const lines = Array.from({ length: 20 }, (_, i) => (i % 6 === 5 ? '' : { id: i % 8, prompt }))
    const whole = (await rowsOf(inputOf(lines))).map(keyOf)
    const shards: string[][] = []
    for (let index = 1; index <= count; index++) {
      shards.push((await rowsOf(inputOf(lines, { index, count }))).map(keyOf))
    }
    expect(shards.flat().sort()).toEqual([...whole].sort())
    const sizes = shards.map(({ length }) => length)
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
  })
})
