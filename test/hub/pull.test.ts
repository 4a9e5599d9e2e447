import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { filesUnder } from '../../src/hub/cache.js'
import { findCached, type PullOptions, type PullProgress, pullModel } from '../../src/hub/index.js'
import { faultOfGguf } from '../../src/language-model/locate.js'
import { ggufBytes, string } from '../weights/files.js'
import { bytes, FILES, hubFixture, NEEDED, REPO, WEIGHTS } from './fixture.js'
import type { Fault, HubRequest } from './server.js'

const hub = hubFixture()
const pull = (id = REPO, options: PullOptions = {}) =>
  pullModel(id, { env: hub.env, retryDelay: 1, ...options })
const repository = () => join(hub.cacheDir, 'models--acme--tiny-model')
const neededBytes = NEEDED.reduce(
  (sum, path) => sum + Buffer.byteLength(FILES[path as keyof typeof FILES]),
  0,
)

/** A signal that nothing holds would be lost in a collection, and a silent hub waited for without end. */
function collectGarbage(): void {
  setFlagsFromString('--expose_gc')
  runInNewContext('gc')()
}

test('pulls the needed files, and no other, into the layout that Python shares', async () => {
  const commit = hub.server.commit(FILES)
  const path = await pull()
  expect(path).toBe(join(repository(), 'snapshots', commit))
  expect(filesUnder(path).sort()).toEqual(NEEDED)
  expect(readFileSync(join(repository(), 'refs/main'), 'utf8')).toBe(commit)
  expect(readFileSync(join(path, 'model.safetensors')).equals(WEIGHTS)).toBe(true)
  for (const file of NEEDED)
    expect(readlinkSync(join(path, file))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40,64}$/)
  expect(hub.server.bytesServed).toBe(neededBytes)
  expect(readdirSync(join(repository(), 'blobs')).filter((name) => name.endsWith('.incomplete'))).toEqual([])
})

test('a second pull transfers nothing', async () => {
  hub.server.commit(FILES)
  const first = await pull()
  const requests = hub.server.requests.length
  expect(await pull()).toBe(first)
  expect(hub.server.bytesServed).toBe(neededBytes)
  expect(hub.server.requests.slice(requests).map(({ kind }) => kind)).not.toContain('resolve')
})

test('a new commit transfers only what changed, and moves the ref', async () => {
  hub.server.commit(FILES)
  const first = await pull()
  const config = '{"model_type":"qwen2"}'
  const commit = hub.server.commit({ ...FILES, 'config.json': config })
  const second = await pull()
  expect(second).not.toBe(first)
  expect(readFileSync(join(repository(), 'refs/main'), 'utf8')).toBe(commit)
  expect(readFileSync(join(second, 'config.json'), 'utf8')).toBe(config)
  expect(hub.server.bytesServed).toBe(neededBytes + config.length)
})

test('pulls a tag, a pull request and a commit', async () => {
  const old = hub.server.commit(FILES, 'v1.0')
  hub.server.commit({ ...FILES, 'config.json': '{"n":2}' }, 'refs/pr/1')
  expect(await pull(`${REPO}@v1.0`)).toContain(old)
  const requested = await pull(`${REPO}@refs/pr/1`)
  expect(readFileSync(join(requested, 'config.json'), 'utf8')).toBe('{"n":2}')
  expect(filesUnder(join(repository(), 'refs')).sort()).toEqual(['refs/pr/1', 'v1.0'])
  expect(await pull(`${REPO}@${old}`)).toContain(old)
  expect(filesUnder(join(repository(), 'refs'))).toHaveLength(2)
})

test('a dropped connection is resumed where it broke', async () => {
  hub.server.commit(FILES)
  let drops = 0
  hub.server.fault = ({ kind }) => (kind === 'cdn' && ++drops <= 3 ? { dropAfter: 50_000 } : undefined)
  const notices: string[] = []
  const path = await pull(REPO, { onNotice: (message) => notices.push(message) })
  expect(readFileSync(join(path, 'model.safetensors')).equals(WEIGHTS)).toBe(true)
  const ranges = hub.server.requests.filter(({ kind }) => kind === 'cdn').map(({ range }) => range)
  expect(ranges).toEqual([undefined, 'bytes=50000-', 'bytes=100000-', 'bytes=150000-'])
  expect(hub.server.bytesServed).toBe(neededBytes)
  expect(notices).toHaveLength(3)
})

test('a connection that keeps dropping but brings bytes is resumed without limit', async () => {
  hub.server.commit(FILES)
  hub.server.fault = ({ kind, range }) =>
    kind === 'cdn' && range !== 'bytes=280000-' ? { dropAfter: 28_000 } : undefined
  expect(readFileSync(join(await pull(), 'model.safetensors')).equals(WEIGHTS)).toBe(true)
  expect(hub.server.bytesServed).toBe(neededBytes)
})

test('a hub that drops every connection at once is given up, and nothing is linked', async () => {
  hub.server.commit(FILES)
  hub.server.fault = ({ kind }) => (kind === 'cdn' ? { dropAfter: 0 } : undefined)
  await expect(pull()).rejects.toThrow(/connection to .* failed/)
  expect(hub.server.requests.filter(({ kind }) => kind === 'cdn')).toHaveLength(5)
  expect(existsSync(join(repository(), 'snapshots'))).toBe(false)
  expect(existsSync(join(repository(), 'refs'))).toBe(false)
})

test('an interrupted pull leaves a partial file, no link to it, and is resumed', async () => {
  hub.server.commit(FILES)
  const interrupt = new AbortController()
  hub.server.fault = ({ kind }) => (kind === 'cdn' ? { stallAfter: 120_000 } : undefined)
  const onProgress = ({ received }: PullProgress) => {
    if (received === neededBytes - 180_000) interrupt.abort(new Error('stopped'))
  }
  await expect(pull(REPO, { signal: interrupt.signal, onProgress })).rejects.toThrow('stopped')
  const partial = readdirSync(join(repository(), 'blobs')).filter((name) => name.endsWith('.incomplete'))
  expect(partial.map((name) => lstatSync(join(repository(), 'blobs', name)).size)).toEqual([120_000])
  expect(existsSync(join(repository(), 'snapshots'))).toBe(false)
  expect(findCached(REPO, hub.env)).toBeUndefined()

  hub.server.fault = () => undefined
  const progress: PullProgress[] = []
  const path = await pull(REPO, { onProgress: (state) => progress.push(state) })
  expect(readFileSync(join(path, 'model.safetensors')).equals(WEIGHTS)).toBe(true)
  expect(hub.server.bytesServed).toBe(neededBytes)
  expect(progress[0].received).toBeGreaterThanOrEqual(120_000)
  expect(progress.at(-1)).toEqual({ file: 'model.safetensors', received: neededBytes, total: neededBytes })
})

test('a killed process leaves a partial file and its lock, and the next one resumes', async () => {
  hub.server.commit(FILES)
  hub.server.fault = ({ kind }) => (kind === 'cdn' ? { stallAfter: 120_000 } : undefined)
  const script = `import { pullModel } from './src/hub/index.ts'
    await pullModel('${REPO}', { onProgress: ({ received }) => received === ${neededBytes - 180_000} && console.log('there') })`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    env: { ...hub.env, PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'close')
  expect(existsSync(join(repository(), 'snapshots'))).toBe(false)
  expect(existsSync(join(hub.cacheDir, '.locks/models--acme--tiny-model/pull.lock'))).toBe(true)

  hub.server.fault = () => undefined
  const path = await pull()
  expect(readFileSync(join(path, 'model.safetensors')).equals(WEIGHTS)).toBe(true)
  expect(hub.server.bytesServed).toBe(neededBytes)
})

test('a server that ignores the range starts the file over', async () => {
  hub.server.commit(FILES)
  let first = true
  hub.server.fault = ({ kind }) => {
    if (kind !== 'cdn') return undefined
    const fault = first ? { dropAfter: 50_000 } : { noRange: true }
    first = false
    return fault
  }
  expect(readFileSync(join(await pull(), 'model.safetensors')).equals(WEIGHTS)).toBe(true)
  expect(hub.server.bytesServed).toBe(neededBytes + 50_000)
})

test.each(['model.safetensors', 'config.json'])('a damaged %s is deleted and told', async (path) => {
  hub.server.commit(FILES)
  hub.server.fault = ({ url, kind }) => ({ corrupt: kind !== 'api' && url.endsWith(path) })
  await expect(pull()).rejects.toThrow(`${path} arrived damaged`)
  expect(existsSync(join(repository(), 'snapshots'))).toBe(false)
  expect(readdirSync(join(repository(), 'blobs')).filter((name) => name.endsWith('.incomplete'))).toEqual([])
  hub.server.fault = () => undefined
  expect(filesUnder(await pull()).sort()).toEqual(NEEDED)
})

test('a damaged part from an earlier pull is found by the checksum', async () => {
  hub.server.commit(FILES)
  hub.server.fault = ({ kind }) => (kind === 'cdn' ? { dropAfter: 1000, corrupt: true } : undefined)
  const interrupt = new AbortController()
  await expect(pull(REPO, { signal: interrupt.signal, onNotice: () => interrupt.abort() })).rejects.toThrow()
  const partial = join(
    repository(),
    'blobs',
    readdirSync(join(repository(), 'blobs')).find((n) => n.includes('inc'))!,
  )
  const damaged = readFileSync(partial)
  damaged[10] ^= 1
  writeFileSync(partial, damaged)
  hub.server.fault = () => undefined
  await expect(pull()).rejects.toThrow('arrived damaged')
})

test('missing ETags do no harm: the tree listing names the hashes', async () => {
  hub.server.commit(FILES)
  hub.server.fault = () => ({ noEtag: true })
  expect(readFileSync(join(await pull(), 'model.safetensors')).equals(WEIGHTS)).toBe(true)
})

/** A timer that ends the connection in hand when the test says so, and never else. */
function timerOfTest() {
  let expire = () => {}
  const startTimer = (callback: () => void) => {
    expire = callback
    return { refresh: () => {}, stop: () => {} }
  }
  return { startTimer, silence: () => expire() }
}

describe('a hub that falls silent counts as a dropped connection', () => {
  const silences: [string, HubRequest['kind'], (silence: () => void) => Fault][] = [
    ['before a file', 'cdn', (silence) => ({ answer: silence })],
    ['within a file', 'cdn', (silence) => ({ stallAfter: 1000, onStall: silence })],
    [
      'within a listing',
      'api',
      (silence) => ({
        answer: (response) => response.writeHead(200, { 'Content-Length': 1000 }).write('[', silence),
      }),
    ],
  ]
  test.each(silences)('%s', async (_name, kind, faultOf) => {
    hub.server.commit(FILES)
    const { startTimer, silence } = timerOfTest()
    let silent = false
    hub.server.fault = (request) => {
      if (request.kind !== kind || silent) return undefined
      silent = true
      return faultOf(() => {
        collectGarbage()
        silence()
      })
    }
    const notices: string[] = []
    const options = {
      onNotice: (message: string) => notices.push(message),
      signal: new AbortController().signal,
      startTimer,
    }
    expect(readFileSync(join(await pull(REPO, options), 'model.safetensors')).equals(WEIGHTS)).toBe(true)
    expect(notices).toEqual([expect.stringContaining('no answer in time')])
  })
})

test('Ctrl-C ends the wait for a silent hub', async () => {
  hub.server.commit(FILES)
  const interrupt = new AbortController()
  const onStall = () => {
    collectGarbage()
    interrupt.abort(new Error('stopped'))
  }
  hub.server.fault = ({ kind }) => (kind === 'cdn' ? { stallAfter: 1000, onStall } : undefined)
  const { startTimer } = timerOfTest()
  await expect(pull(REPO, { signal: interrupt.signal, startTimer })).rejects.toThrow('stopped')
})

test('two pulls at once transfer each file once', async () => {
  hub.server.commit(FILES)
  const notices: string[] = []
  let waits = () => {}
  // The first pull has its last file when the second one waits for it.
  const until = new Promise<void>((resolve) => {
    waits = resolve
  })
  hub.server.fault = ({ kind }) => (kind === 'cdn' ? { until } : undefined)
  const onNotice = (message: string) => {
    notices.push(message)
    waits()
  }
  const both = await Promise.all([1, 2].map(() => pull(REPO, { onNotice })))
  expect(both[0]).toBe(both[1])
  expect(hub.server.bytesServed).toBe(neededBytes)
  expect(notices).toEqual([expect.stringContaining('Another process')])
})

test('the lock of a process that died is taken over', async () => {
  const { hostname } = await import('node:os')
  hub.server.commit(FILES)
  const lock = join(hub.cacheDir, '.locks/models--acme--tiny-model/pull.lock')
  mkdirSync(join(lock, '..'), { recursive: true })
  writeFileSync(lock, `${hostname()} 999999999 x`)
  await pull()
  expect(existsSync(lock)).toBe(false)
})

test('the token goes to the hub and to no other host', async () => {
  hub.server.commit(FILES)
  writeFileSync(join(hub.home, 'token'), 'secret\n')
  await pull()
  for (const { kind, authorization } of hub.server.requests) {
    expect(authorization).toBe(kind === 'cdn' ? undefined : 'Bearer secret')
  }
})

test('nor does the token follow a listing that goes on at another host', async () => {
  hub.server.commit(FILES)
  hub.env.HF_TOKEN = 'secret'
  hub.server.fault = ({ kind, url }) =>
    kind === 'api' && url.includes('/tree/')
      ? { body: '[]', headers: { Link: `<${hub.server.cdn}/more>; rel="next"` } }
      : undefined
  await expect(pull()).rejects.toThrow('There is no model')
  expect(hub.server.requests.at(-1)).toMatchObject({ kind: 'cdn', url: '/more', authorization: undefined })
})

test('sharded weights come with their index', async () => {
  const shards = {
    'model-00001-of-00002.safetensors': bytes(2000),
    'model-00002-of-00002.safetensors': bytes(3000),
  }
  hub.server.commit({
    'config.json': '{}',
    ...shards,
    'model.safetensors.index.json': '{}',
    'other.safetensors': 'x',
  })
  expect(filesUnder(await pull()).sort()).toEqual([
    'config.json',
    ...Object.keys(shards),
    'model.safetensors.index.json',
  ])
})

test('of a GGUF repository the only file, or the chosen one, is pulled', async () => {
  hub.server.commit({ 'README.md': '', 'mmproj-f16.gguf': bytes(1500), 'm-q4.gguf': bytes(2000) })
  expect(await pull()).toMatch(/\/m-q4\.gguf$/)
  hub.server.commit({ 'm-q4.gguf': bytes(2000), 'big/m-q8.gguf': bytes(4000, 4) }, 'two')
  await expect(pull(`${REPO}@two`)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining(`${REPO}@two:FILE, where FILE is one of big/m-q8.gguf, m-q4.gguf`),
  })
  const chosen = await pull(`${REPO}@two:big/m-q8.gguf`)
  expect(chosen).toMatch(/\/big\/m-q8\.gguf$/)
  expect(readFileSync(chosen).equals(bytes(4000, 4))).toBe(true)
  await expect(pull(`${REPO}@two:m-q5.gguf`)).rejects.toThrow('has no file m-q5.gguf')
})

const PARTS = {
  'q8/m-Q8_0-00001-of-00002.gguf': bytes(2000, 5),
  'q8/m-Q8_0-00002-of-00002.gguf': bytes(3000, 6),
}

test('a quantisation finds its GGUF file, in any case, and all parts of a split one', async () => {
  hub.server.commit({ ...FILES, 'm-Q4_K_M.gguf': bytes(2000), 'm-Q4_K_S.gguf': bytes(1500, 4), ...PARTS })
  expect(await pull(`${REPO}:q4_k_m`)).toMatch(/\/m-Q4_K_M\.gguf$/)
  const first = await pull(`${REPO}:Q8_0`)
  expect(first).toMatch(/\/q8\/m-Q8_0-00001-of-00002\.gguf$/)
  expect(readFileSync(first.replace('00001', '00002')).equals(PARTS['q8/m-Q8_0-00002-of-00002.gguf'])).toBe(
    true,
  )
  expect(findCached(`${REPO}:q8_0`, hub.env)).toBe(first)
  expect(hub.server.bytesServed).toBe(7000)
})

test('any part of a split GGUF file stands for all, and one alone is no choice', async () => {
  hub.server.commit(PARTS)
  const path = await pull(`${REPO}:q8/m-Q8_0-00002-of-00002.gguf`)
  expect(path).toMatch(/00001-of-00002\.gguf$/)
  expect(await pull()).toBe(path)
  expect(hub.server.bytesServed).toBe(5000)
})

test('a quantisation that several GGUF files have, or none, is refused with the list', async () => {
  hub.server.commit({
    'm-Q4_0.gguf': bytes(2000),
    'n-Q4_0.gguf': bytes(1500),
    'mmproj-Q4_0.gguf': bytes(100),
    ...PARTS,
  })
  await expect(pull(`${REPO}:Q4_0`)).rejects.toMatchObject({
    exitCode: 2,
    message: `${REPO} holds 2 GGUF files of Q4_0 and one must be chosen. Write ${REPO}:FILE, where FILE is one of m-Q4_0.gguf, n-Q4_0.gguf.`,
  })
  await expect(pull(`${REPO}:Q5_0`)).rejects.toMatchObject({
    exitCode: 1,
    message: `${REPO}@main has no GGUF file of Q5_0. Write ${REPO}:FILE, where FILE is one of m-Q4_0.gguf, n-Q4_0.gguf, q8/m-Q8_0-00001-of-00002.gguf.`,
  })
  expect(hub.server.bytesServed).toBe(0)
})

describe('a GGUF file of a type that is not read', () => {
  /** @param type 21 is IQ3_S, 2 is Q4_0 @param vocabulary bytes that stand before the tensor */
  const gguf = (type: number, vocabulary = 0) =>
    ggufBytes({
      metadata: [['a.vocabulary', 8, string('x'.repeat(vocabulary))]],
      tensors: [{ name: 'blk.0.ffn_up.weight', dimensions: [256n], type, offset: 0n }],
      dataBytes: vocabulary === 0 ? 144 : 3_000_000,
    })
  const files = (chosen: Buffer) => ({
    'm-IQ3_S.gguf': chosen,
    'm-UD-IQ2_M.gguf': gguf(21),
    'm-Q4_0.gguf': gguf(2),
    'm-IQ4_XS.gguf': gguf(23),
  })

  test.each([
    ['short', 0],
    ['with a header that comes in pieces', 500_000],
  ])('is refused once its header is here, with the names of others: %s', async (_, vocabulary) => {
    const chosen = gguf(21, vocabulary)
    hub.server.commit(files(chosen))
    const message =
      `m-IQ3_S.gguf of ${REPO} cannot be used: its tensor blk.0.ffn_up.weight has the type IQ3_S, which is not supported. ` +
      `Write ${REPO}:FILE, where FILE is one of m-IQ4_XS.gguf, m-Q4_0.gguf.`
    for (const id of [`${REPO}:IQ3_S`, `${REPO}:m-IQ3_S.gguf`]) {
      await expect(pull(id, { faultOfGguf })).rejects.toMatchObject({ message, exitCode: 1 })
    }
    expect(filesUnder(repository()).filter((path) => path.startsWith('blobs/'))).toEqual([])
  })

  test('is refused by its first tensors, before its rest is sent', async () => {
    const chosen = gguf(21, 500_000)
    hub.server.commit(files(chosen))
    // The rest never comes.
    hub.server.fault = ({ kind }) => (kind === 'cdn' ? { stallAfter: 1_500_000 } : undefined)
    await expect(pull(`${REPO}:IQ3_S`, { faultOfGguf })).rejects.toThrow('has the type IQ3_S')
    expect(hub.server.bytesServed).toBeLessThan(chosen.length)
  })

  test('of a type that is read, a header in pieces is no fault', async () => {
    const chosen = gguf(2, 500_000)
    hub.server.commit(files(chosen))
    expect(readFileSync(await pull(`${REPO}:IQ3_S`, { faultOfGguf })).equals(chosen)).toBe(true)
  })
})

test('a split GGUF file that lacks a part is refused before anything is transferred', async () => {
  hub.server.commit({ 'm-00001-of-00003.gguf': bytes(2000), 'm-00003-of-00003.gguf': bytes(2000, 2) })
  for (const id of [REPO, `${REPO}:m-00003-of-00003.gguf`]) {
    await expect(pull(id)).rejects.toThrow(
      `${REPO}@main has no whole model of m-00001-of-00003.gguf: it lacks m-00002-of-00003.gguf.`,
    )
  }
  expect(hub.server.bytesServed).toBe(0)
})
