import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import { createRandom } from '../../src/random.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { readDocuments } from '../../src/train/data/documents.js'
import { openPackedData } from '../../src/train/data/packed.js'
import { writeTextModel } from '../e2e/text-model.js'
import { mutateBytes, mutateValue } from '../mutations.js'
import { temporaryDirectory } from '../weights/files.js'

let home: string
beforeEach(() => {
  home = temporaryDirectory()
})

function write(name: string, content: string | Uint8Array): string {
  const path = join(home, name)
  writeFileSync(path, content)
  return path
}

async function documents(path: string, options: Parameters<typeof readDocuments>[1] = {}) {
  const found: unknown[] = []
  for await (const document of readDocuments([path], options)) found.push(document)
  return found
}

describe('a text is refused', () => {
  const brotli = (text: Buffer) =>
    brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })
  const random = createRandom(2)
  const long = Buffer.from(Array.from({ length: 50_000 }, () => Math.floor(random() * 1000)).join(' '))
  const texts: [string, string, () => string | Uint8Array, RegExp][] = [
    ['of zero bytes', 'a.txt', () => Buffer.alloc(100_000), /holds zero bytes, as no text does/],
    ['with a zero byte', 'a.txt', () => 'Once\0upon', /holds zero bytes/],
    ['of other bytes', 'a.txt', () => Buffer.from([0x80, 0xff]), /is not valid UTF-8/],
    ['cut within a character', 'a.txt', () => Buffer.from('é').subarray(0, 1), /is not valid UTF-8/],
    ['of UTF-16', 'a.txt', () => Buffer.from('\ufeffOnce', 'utf16le'), /is not valid UTF-8/],
    ['that is no gzip', 'a.txt.gz', () => 'Once', /cannot be decompressed: .*Is it whole\?/],
    ['of a cut gzip', 'a.txt.gz', () => gzipSync(long).subarray(0, 100), /cannot be decompressed/],
    ['that is no brotli', 'a.txt.br', () => 'Once upon a time', /cannot be decompressed/],
    ['of a cut brotli', 'a.txt.br', () => brotli(long).subarray(0, 5000), /cannot be decompressed/],
    [
      'that opens without end',
      'a.txt.gz',
      () => gzipSync(Buffer.alloc(2 ** 25, ' '), { level: 9 }),
      /more than 250 times its size/,
    ],
    [
      'in a line without end',
      'a.jsonl',
      () => Buffer.alloc(2 ** 26 + 10, 'x'),
      /a\.jsonl, line 1, is longer than 67108864 characters/,
    ],
    [
      'in a later line without end',
      'a.jsonl',
      () => Buffer.concat([Buffer.from('{"text":"a"}\n'), Buffer.alloc(2 ** 26 + 10, 'x')]),
      /line 2, is longer/,
    ],
  ]
  test.each(texts)('%s', async (_name, name, content, message) => {
    const error = await documents(write(name, content())).catch((thrown) => thrown)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
  })

  test.skipIf(!existsSync('/dev/zero'))('from a device without end', async () => {
    await expect(documents('/dev/zero')).rejects.toThrow('zero bytes')
  })

  test('from a pipe without end', async () => {
    const pipe = join(home, 'pipe')
    execFileSync('mkfifo', [pipe])
    const writer = spawn('sh', ['-c', `yes > '${pipe}'`], { stdio: 'ignore' })
    await expect(documents(pipe, { mostOfPipe: 100_000 })).rejects.toThrow(
      'of which 100000 bytes are read at most',
    )
    writer.kill()
  })

  test('whatever a line of JSON holds, with a sentence', async () => {
    const random = createRandom(4)
    const rows = [
      { text: 'Once' },
      { prompt: 'Who?', completion: 'A fox.' },
      { question: 'Who?', answer: 'A fox.' },
      {
        messages: [
          { role: 'user', content: 'Who?' },
          { role: 'assistant', content: 'A fox.' },
        ],
      },
    ]
    for (let i = 0; i < 3000; i++) {
      const row = rows[i % rows.length]
      const line =
        random() < 0.3 ? mutateBytes(JSON.stringify(row), random) : JSON.stringify(mutateValue(row, random))
      await documents(write('row.jsonl', line)).catch((error) => {
        expect(error, `${line}: ${error.stack}`).toBeInstanceOf(UserError)
      })
    }
  }, 60_000)
})

describe('tokens that are kept', () => {
  const text = 'The red fox has three hens.\n'.repeat(60)

  async function open(path: string, options = {}) {
    const tokenizer = await loadTokenizer(writeTextModel(join(home, 'model')))
    return openPackedData([path], { tokenizer, length: 16, directory: join(home, 'cache'), ...options })
  }
  async function rowsOf(path: string) {
    const data = await open(path)
    const batch = await data.read(Array.from({ length: data.rows }, (_, i) => i))
    await data.close()
    return { ids: batch.ids, targets: batch.targets, weights: batch.weights }
  }
  const kept = (suffix: string) => {
    const name = readdirSync(join(home, 'cache')).find((each) => each.endsWith(suffix))!
    return join(home, 'cache', name)
  }

  const damages: [string, () => void][] = [
    ['cut to nothing', () => truncateSync(kept('.tokens'), 0)],
    ['cut by a token', () => truncateSync(kept('.tokens'), readFileSync(kept('.tokens')).length - 2)],
    [
      'longer',
      () => writeFileSync(kept('.tokens'), Buffer.concat([readFileSync(kept('.tokens')), Buffer.alloc(2)])),
    ],
    ['changed', () => writeFileSync(kept('.tokens'), readFileSync(kept('.tokens')).fill(1, 20, 21))],
    ['zero', () => writeFileSync(kept('.tokens'), readFileSync(kept('.tokens')).fill(0))],
    ['removed', () => rmSync(kept('.tokens'))],
    ['a directory', () => [rmSync(kept('.flags')), mkdirSync(join(home, 'cache', 'x.flags'))]],
    [
      'without flags that are learnt',
      () => writeFileSync(kept('.flags'), readFileSync(kept('.flags')).fill(0)),
    ],
    ['described by no JSON', () => writeFileSync(kept('.json'), '{')],
    [
      'described by another number',
      () =>
        writeFileSync(
          kept('.json'),
          readFileSync(kept('.json'), 'utf8').replace(/"tokens":\d+/, '"tokens":"x"'),
        ),
    ],
  ]
  test.each(damages)('and %s are made again', async (_name, damage) => {
    const path = write('foxes.txt', text)
    const whole = await rowsOf(path)
    damage()
    expect(await rowsOf(path)).toEqual(whole)
  })

  test('and cut while being read end the run', async () => {
    const data = await open(write('foxes.txt', text))
    truncateSync(kept('.tokens'), 40)
    await expect(data.read([data.rows - 1])).rejects.toThrow('were cut while being read')
    await data.close()
  })

  test('lose what killed runs had begun, and not what a living one writes', async () => {
    mkdirSync(join(home, 'cache'))
    const [dead, living] = ['a', 'b'].map((name) => name.repeat(32))
    for (const key of [dead, living]) writeFileSync(join(home, 'cache', `${key}.tokens.1-0123abcd.tmp`), 'x')
    const { withLock } = await import('../../src/lock.js')
    await withLock(join(home, 'cache', `${living}.lock`), async () => {
      await (await open(write('foxes.txt', text))).close()
    })
    expect(readdirSync(join(home, 'cache')).filter((name) => name.endsWith('.tmp'))).toEqual([
      `${living}.tokens.1-0123abcd.tmp`,
    ])
  })

  test('are waited for where another run makes them', async () => {
    const path = write('foxes.txt', text)
    const notices: string[] = []
    const both = await Promise.all(
      [1, 2].map(() => open(path, { onNotice: (notice: string) => notices.push(notice) })),
    )
    expect(both[0].counts).toEqual(both[1].counts)
    for (const data of both) await data.close()
    expect(notices.length).toBeLessThan(2)
  })

  test.each([
    ['a directory', () => home, 'is a directory'],
    ['a device', () => '/dev/null', 'is a pipe or a device'],
  ])('are of files, not of %s', async (_name, path, message) => {
    await expect(open(path())).rejects.toThrow(message)
  })

  test('are not those of a file that changes meanwhile', async () => {
    const path = write('foxes.txt', text)
    const onProgress = () => writeFileSync(path, `${text}${text}`)
    await expect(open(path, { onProgress })).rejects.toThrow('changed while being read')
  })
})
