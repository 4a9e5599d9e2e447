import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { writeStream } from '../../../src/cli/io/plain-output.js'
import type { Generation } from '../../../src/generation/generate.js'
import type { GenerationChunk, GenerationResult } from '../../../src/generation/options.js'

/** A generation that has been decoded already. */
function generationOf(
  texts: readonly string[],
  chunks: readonly [sequence: number, text: string][],
): Generation {
  const sequences = texts.map((text) => ({ text }))
  async function* stream(): AsyncGenerator<GenerationChunk> {
    for (const [sequence, text] of chunks) yield { sequence, text, ids: [], drafted: 0 }
  }
  const result = async () => ({ ...sequences[0], sequences }) as unknown as GenerationResult
  return { [Symbol.asyncIterator]: stream, result } as unknown as Generation
}

/** A stream that remembers what it was given, and in which pieces. */
function recorder(options: { highWaterMark?: number } = {}) {
  const pieces: string[] = []
  const stream = new Writable({
    ...options,
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      pieces.push(chunk)
      setImmediate(done)
    },
  })
  /** What it has been given when all is written. */
  const written = async () => {
    stream.end()
    await finished(stream)
    return pieces
  }
  return { stream, written }
}

test('writes each piece of the first sequence as it comes', async () => {
  const { stream, written } = recorder()
  const generation = generationOf(
    ['one two'],
    [
      [0, 'one'],
      [0, ''],
      [0, ' two'],
    ],
  )
  await writeStream(generation, stream)
  expect(await written()).toEqual(['one', ' two', '\n'])
})

test('lets further sequences follow whole, under a heading', async () => {
  const { stream, written } = recorder()
  const generation = generationOf(
    ['a b', 'c d'],
    [
      [0, 'a'],
      [1, 'c'],
      [0, ' b'],
      [1, ' d'],
    ],
  )
  await writeStream(generation, stream)
  expect(await written()).toEqual(['a', ' b', '\n', '\n— 2 of 2\nc d\n'])
})

test('waits for a slow reader', async () => {
  const { stream, written } = recorder({ highWaterMark: 1 })
  let most = 0
  const generation = generationOf(
    ['abc'],
    [...'abc'].map((letter) => [0, letter]),
  )
  const watched = {
    ...generation,
    async *[Symbol.asyncIterator]() {
      for await (const chunk of generation) {
        most = Math.max(most, stream.writableLength)
        yield chunk
      }
    },
  }
  await writeStream(watched as Generation, stream)
  expect(most).toBe(0)
  expect((await written()).join('')).toBe('abc\n')
})
