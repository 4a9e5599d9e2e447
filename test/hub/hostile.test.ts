import { existsSync, readdirSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type PullOptions, pullModel } from '../../src/hub/index.js'
import { FILES, hubFixture, REPO, WEIGHTS } from './fixture.js'
import type { Fault, HubRequest } from './server.js'

const hub = hubFixture()
const pull = (options: PullOptions = {}) => pullModel(REPO, { env: hub.env, retryDelay: 1, ...options })
const snapshots = () => existsSync(join(hub.cacheDir, 'models--acme--tiny-model', 'snapshots'))
const kept = () => readdirSync(hub.home, { recursive: true, encoding: 'utf8' })

afterEach(() => {
  vi.unstubAllGlobals()
})

/** Faults of one kind of request; the others are answered as usual. */
function at(kind: HubRequest['kind'] | 'info' | 'tree', fault: Fault | (() => Fault)): void {
  hub.server.fault = (request) => {
    const isTree = request.url.includes('/tree/')
    const found = request.kind !== 'api' ? request.kind : isTree ? 'tree' : 'info'
    if (found !== kind && request.kind !== kind) return undefined
    return typeof fault === 'function' ? fault() : fault
  }
}

/** Writes until the client goes, which is in this process and has to have its turn. */
async function endless(response: ServerResponse, chunk: Buffer | string): Promise<void> {
  while (!response.destroyed) {
    if (!response.writableNeedDrain) response.write(chunk)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const entry = (path: string, more = {}) => ({ type: 'file', path, size: 5, oid: 'a'.repeat(40), ...more })

describe('an answer of the API without end', () => {
  const limits = { answerBytes: 100_000 }
  test('that was compressed', async () => {
    hub.server.commit(FILES)
    const body = gzipSync(Buffer.alloc(200_000_000, ' '), { level: 9 })
    const headers = { 'Content-Encoding': 'gzip', 'Content-Length': body.length }
    at('info', { answer: (response) => response.writeHead(200, headers).end(body) })
    await expect(pull({ limits })).rejects.toThrow('gives an answer of more than 100000 bytes')
    expect(hub.server.requests).toHaveLength(1)
  })

  test.each(['info', 'tree'] as const)('in chunks (%s)', async (kind) => {
    hub.server.commit(FILES)
    at(kind, { answer: (response) => endless(response.writeHead(200), Buffer.alloc(2 ** 16, ' ')) })
    await expect(pull({ limits })).rejects.toThrow('gives an answer of more than 100000 bytes')
  })

  test('that says what is wrong', async () => {
    hub.server.commit(FILES)
    at('info', { answer: (response) => endless(response.writeHead(404), Buffer.alloc(2 ** 16, ' ')) })
    await expect(pull()).rejects.toThrow('There is no model')
  })

  test('that comes a byte at a time', async () => {
    hub.server.commit(FILES)
    hub.env.HF_HUB_DOWNLOAD_TIMEOUT = '0.05'
    at('info', { answer: (response) => endless(response.writeHead(200), ' ') })
    await expect(pull({ limits: { bytesPerSecond: 1e12 } })).rejects.toThrow('no answer in time')
  })
})

describe('a listing', () => {
  const page = (next: (n: number) => number) => {
    let n = 0
    return (): Fault => {
      const link = `<${hub.server.endpoint}/api/models/${REPO}/tree/x?cursor=${next(++n)}>; rel="next"`
      return { body: JSON.stringify([entry(`junk/${n}`)]), headers: { Link: link } }
    }
  }

  test('that goes round in a circle', async () => {
    hub.server.commit(FILES)
    at(
      'tree',
      page((n) => n % 3),
    )
    await expect(pull()).rejects.toThrow('lists the same page of acme/tiny-model again')
    expect(hub.server.requests.length).toBeLessThan(8)
  })

  test('of pages without end', async () => {
    hub.server.commit(FILES)
    at(
      'tree',
      page((n) => n),
    )
    await expect(pull({ limits: { pages: 20 } })).rejects.toThrow('gives a listing of more than 20 pages')
  })

  test('of files without end', async () => {
    hub.server.commit(FILES)
    const files = Array.from({ length: 30 }, (_, i) => entry(`${i}.txt`))
    at('tree', { body: JSON.stringify(files) })
    await expect(pull({ limits: { files: 20 } })).rejects.toThrow('gives a listing of more than 20 files')
  })

  test.each([
    ['an absolute path', ['/etc/m.gguf']],
    ['a parent', ['sub/../../m.gguf']],
    ['a drive', ['C:m.gguf']],
    ['backslashes', ['..\\..\\m.gguf']],
    ['a zero byte', ['m\0.gguf']],
    ['an escape sequence', ['m\u001b[2J.gguf']],
    ['a control character of 8 bits', ['m\u009b2J.gguf']],
    ['an empty part', ['a//m.gguf']],
    ['a stream of a file', ['m:x.gguf']],
    ['a name beyond what a disk takes', [`${'x'.repeat(300)}.gguf`]],
    [
      'names that differ by case',
      ['config.json', 'model.safetensors', 'tokenizer_A.json', 'tokenizer_a.json'],
    ],
    ['names that differ by the form of an accent', ['a\u0301.safetensors', '\u00e1.safetensors']],
  ])('with %s', async (_name, paths) => {
    hub.server.commit(FILES)
    at('tree', { body: JSON.stringify(paths.map((path) => entry(path))) })
    await expect(pull()).rejects.toThrow('file names or hashes that are not valid')
    expect(hub.server.bytesServed).toBe(0)
    expect(kept()).toEqual([])
  })

  test.each([
    { size: -1 },
    { size: 1.5 },
    { size: '5' },
    { size: 2 ** 60 },
    { oid: 'A'.repeat(40) },
    { oid: 7 },
  ])('with a file of %o', async (more) => {
    hub.server.commit(FILES)
    at('tree', { body: JSON.stringify([entry('m.gguf', more)]) })
    await expect(pull()).rejects.toThrow('file names or hashes that are not valid')
  })

  test('of GGUF files names those that can be asked for, and not all', async () => {
    hub.server.commit(FILES)
    const names = [...Array.from({ length: 100 }, (_, i) => `q${i + 100}.gguf`), 'm\u001b[2J.gguf']
    at('tree', { body: JSON.stringify(names.map((path) => entry(path))) })
    const error = await pull().catch((thrown: Error) => thrown)
    expect(String(error)).toMatch(/q100\.gguf, .*, q139\.gguf and 60 more\.$/)
    expect(String(error)).not.toContain('\u001b')
  })

  test.each(['../../x', 'main', null, 5, {}])('of the commit %j', async (sha) => {
    hub.server.commit(FILES)
    at('info', { body: JSON.stringify({ _id: '1', id: REPO, sha }) })
    await expect(pull()).rejects.toThrow('not valid')
    expect(hub.server.requests).toHaveLength(1)
  })
})

describe('redirects', () => {
  const to = (Location: string): Fault => ({ status: 302, headers: { Location } })

  test('in a circle', async () => {
    hub.server.commit(FILES)
    at('resolve', () => to('?again'))
    await expect(pull({ limits: { redirects: 4 } })).rejects.toThrow('more than 4 times')
  })

  test('do not take the token to another host, and back again they may', async () => {
    hub.server.commit(FILES)
    hub.env.HF_TOKEN = 'secret'
    hub.server.fault = ({ kind, url }) =>
      kind === 'api' && url.includes('/revision/') && !url.includes('back')
        ? to(`${hub.server.cdn}/away`)
        : kind === 'cdn' && url === '/away'
          ? to(`${hub.server.endpoint}/api/models/${REPO}/revision/main?back`)
          : undefined
    await pull()
    const seen = hub.server.requests.slice(0, 3).map(({ kind, authorization }) => [kind, authorization])
    expect(seen).toEqual([
      ['api', 'Bearer secret'],
      ['cdn', undefined],
      ['api', 'Bearer secret'],
    ])
  })

  test.each(['file:///etc/passwd', 'data:application/json,{}', 'http://', 'http://user:word@127.0.0.1/'])(
    'to %s are not followed',
    async (address) => {
      hub.server.commit(FILES)
      at('info', () => to(address))
      await expect(pull()).rejects.toThrow('redirects to an address that is not followed')
    },
  )

  test('that give up encryption are not followed', async () => {
    const asked: string[] = []
    vi.stubGlobal('fetch', async (url: string) => {
      asked.push(new URL(url).protocol)
      return new Response(null, { status: 302, headers: { Location: 'http://hub.test/x' } })
    })
    const env = { ...hub.env, HF_ENDPOINT: 'https://hub.test' }
    await expect(pull({ env })).rejects.toThrow('without encryption')
    expect(asked).toEqual(['https:'])
  })
})

describe('a file', () => {
  const body = (content: Buffer, headers = {}): Fault => ({
    answer: (response) => response.writeHead(200, headers).end(content),
  })

  test.each([
    ['longer, as it says', body(Buffer.concat([WEIGHTS, WEIGHTS]), { 'Content-Length': 600_000 })],
    ['longer, in chunks', body(Buffer.concat([WEIGHTS, WEIGHTS]))],
    ['shorter, as it says', body(WEIGHTS.subarray(1), { 'Content-Length': 299_999 })],
    ['opened by the client', body(gzipSync(Buffer.alloc(50_000_000)), { 'Content-Encoding': 'gzip' })],
  ])('that is %s, than was announced', async (_name, fault) => {
    hub.server.commit(FILES)
    at('cdn', fault)
    await expect(pull()).rejects.toThrow(
      /^model\.safetensors does not have the 300000 bytes that the hub announced/,
    )
    expect(snapshots()).toBe(false)
    expect(hub.server.requests.filter(({ kind }) => kind === 'cdn')).toHaveLength(1)
  })

  test('that ends too early again and again', async () => {
    hub.server.commit(FILES)
    at('cdn', body(WEIGHTS.subarray(0, 1000)))
    await expect(pull()).rejects.toThrow('The connection ended within model.safetensors.')
    expect(snapshots()).toBe(false)
  })

  test('of which another part comes than was asked for', async () => {
    hub.server.commit(FILES)
    let first = true
    at('cdn', () => {
      if (first) {
        first = false
        return { dropAfter: 1000 }
      }
      const headers = { 'Content-Range': 'bytes 0-299999/300000' }
      return { answer: (response) => response.writeHead(206, headers).end(WEIGHTS) }
    })
    await expect(pull()).rejects.toThrow('does not have the 300000 bytes')
  })

  test('that comes a byte a connection is given up', async () => {
    hub.server.commit(FILES)
    at('cdn', { dropAfter: 1 })
    await expect(pull()).rejects.toThrow('failed')
    expect(hub.server.requests.filter(({ kind }) => kind === 'cdn')).toHaveLength(5)
  })

  test('that comes a byte at a time is given up', async () => {
    hub.server.commit(FILES)
    hub.env.HF_HUB_DOWNLOAD_TIMEOUT = '0.05'
    at('cdn', { answer: (response) => endless(response.writeHead(200), 'x') })
    await expect(pull({ limits: { bytesPerSecond: 1e12, progress: 1 } })).rejects.toThrow('no answer in time')
  })
})

describe('without a network', () => {
  test.each(['ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH'])('%s is told at once', async (code) => {
    const fetched = vi.fn(async () => {
      throw new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) })
    })
    vi.stubGlobal('fetch', fetched)
    const onNotice = vi.fn()
    await expect(pull({ onNotice, env: { ...hub.env, HF_ENDPOINT: 'https://hub.test' } })).rejects.toThrow(
      `https://hub.test cannot be found (${code}): check the network and HF_ENDPOINT, or set HF_HUB_OFFLINE=1`,
    )
    expect(fetched).toHaveBeenCalledTimes(1)
    expect(onNotice).not.toHaveBeenCalled()
  })

  test('a model of the cache is used', async () => {
    hub.server.commit(FILES)
    const path = await pull()
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ENOTFOUND' }) })
    })
    const onNotice = vi.fn()
    expect(await pull({ onNotice })).toBe(path)
    expect(onNotice.mock.calls).toEqual([
      [expect.stringContaining('The cached copy of acme/tiny-model is used.')],
    ])
  })
})

describe('settings', () => {
  test.each(['hub.test', 'ftp://hub.test', 'http://', 'file:///x'])('the address %s', async (address) => {
    await expect(pull({ env: { ...hub.env, HF_ENDPOINT: address } })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('HF_ENDPOINT cannot be'),
    })
  })

  test.each(['two words', 'line\nbreak', 'schlüssel'])('the token %j, which is not told', async (token) => {
    const error = await pull({ env: { ...hub.env, HF_TOKEN: token } }).catch((thrown) => thrown)
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringContaining('HF_TOKEN') })
    expect(error.message).not.toContain(token)
  })

  test.skipIf(!existsSync('/dev/zero'))('a file of the token that has no end', async () => {
    hub.server.commit(FILES)
    await pull({ env: { ...hub.env, HF_TOKEN_PATH: '/dev/zero' } })
    expect(hub.server.requests[0].authorization).toBeUndefined()
  })
})
