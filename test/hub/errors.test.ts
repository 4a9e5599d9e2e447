import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findCached, type PullOptions, pullModel } from '../../src/hub/index.js'
import { FILES, hubFixture, REPO, WEIGHTS } from './fixture.js'

const hub = hubFixture()
const pull = (id = REPO, options: PullOptions = {}) =>
  pullModel(id, { env: hub.env, retryDelay: 1, ...options })

describe('refusals are one sentence with exit code 1, and are not retried', () => {
  const refusals: [string, number, string, RegExp][] = [
    [
      'gated',
      403,
      'GatedRepo',
      /acme\/tiny-model is gated: accept its licence at .*\/acme\/tiny-model and set HF_TOKEN/,
    ],
    [
      'private or missing',
      401,
      'RepoNotFound',
      /private, gated or does not exist: check the name, set HF_TOKEN/,
    ],
    ['missing repository', 404, 'RepoNotFound', /There is no model acme\/tiny-model at http/],
    ['missing revision', 404, 'RevisionNotFound', /acme\/tiny-model has no revision main/],
    ['teapot', 418, '', /refused acme\/tiny-model \(status 418/],
  ]
  test.each(refusals)('%s', async (_name, status, code, message) => {
    hub.server.commit(FILES)
    hub.server.fault = () => ({ status, headers: { 'X-Error-Code': code } })
    await expect(pull()).rejects.toMatchObject({
      name: 'UserError',
      exitCode: 1,
      message: expect.stringMatching(message),
    })
    expect(hub.server.requests).toHaveLength(1)
  })

  test('a token that may not read the repository', async () => {
    hub.server.fault = () => ({ status: 403 })
    hub.env.HF_TOKEN = 'mine'
    await expect(pull()).rejects.toThrow('use an HF_TOKEN that may read it')
  })

  test('a repository and a revision that the hub does not have', async () => {
    hub.server.commit(FILES)
    await expect(pull('acme/other')).rejects.toThrow('There is no model acme/other')
    await expect(pull(`${REPO}@v9`)).rejects.toThrow(`${REPO} has no revision v9`)
  })

  test('a file that is gated although the listing is not', async () => {
    hub.server.commit(FILES)
    hub.server.fault = ({ kind }) =>
      kind === 'resolve' ? { status: 401, headers: { 'X-Error-Code': 'GatedRepo' } } : undefined
    await expect(pull()).rejects.toThrow('is gated')
    expect(existsSync(join(hub.cacheDir, 'models--acme--tiny-model', 'snapshots'))).toBe(false)
  })
})

describe('what time may mend is tried again', () => {
  test.each([429, 500, 503])('status %i', async (status) => {
    hub.server.commit(FILES)
    let failures = 0
    hub.server.fault = () => (++failures <= 2 ? { status, headers: { 'Retry-After': '0' } } : undefined)
    const notices: string[] = []
    await pull(REPO, { onNotice: (message) => notices.push(message), retryDelay: 100_000 })
    expect(notices).toHaveLength(2)
  })

  test.each([
    [429, /limits the number of requests \(429\)/],
    [502, /has a problem \(status 502\)/],
  ])('status %i, but not for ever', async (status, message) => {
    hub.server.fault = () => ({ status, headers: { 'Retry-After': '0' } })
    await expect(pull()).rejects.toMatchObject({ exitCode: 1, message: expect.stringMatching(message) })
    expect(hub.server.requests).toHaveLength(5)
  })

  test('Retry-After is waited for, and Ctrl-C ends the wait', async () => {
    const interrupt = new AbortController()
    hub.server.fault = () => ({ status: 429, headers: { 'Retry-After': '50' } })
    const onNotice = () => setImmediate(() => interrupt.abort(new Error('stopped')))
    await expect(pull(REPO, { onNotice, signal: interrupt.signal })).rejects.toThrow('stopped')
    expect(hub.server.requests).toHaveLength(1)
  })

  test('a hub that cannot be reached', async () => {
    await expect(pull(REPO, { env: { ...hub.env, HF_ENDPOINT: 'http://127.0.0.1:9' } })).rejects.toThrow(
      /^The connection to http:\/\/127\.0\.0\.1:9 failed \(.+\): check the network and HF_ENDPOINT\.$/,
    )
  })
})

describe('the cache stands in for a hub that does not answer', () => {
  test('offline by HF_HUB_OFFLINE', async () => {
    hub.server.commit(FILES)
    const path = await pull()
    const requests = hub.server.requests.length
    hub.env.HF_HUB_OFFLINE = '1'
    expect(await pull()).toBe(path)
    expect(hub.server.requests).toHaveLength(requests)
    await expect(pull('acme/other')).rejects.toThrow(/acme\/other is not in the cache at .*HF_HUB_OFFLINE/)
    await expect(pull(`${REPO}@v2`)).rejects.toThrow(/@v2 is not in the cache/)
  })

  test.each([{ status: 503 }, { dropAfter: 0, body: undefined, status: 429 }])('%o', async (fault) => {
    hub.server.commit(FILES)
    const path = await pull()
    const before = hub.server.requests.length
    hub.server.fault = () => fault
    const notices: string[] = []
    expect(await pull(REPO, { onNotice: (message) => notices.push(message) })).toBe(path)
    expect(notices).toEqual([expect.stringContaining(`The cached copy of ${REPO} is used.`)])
    expect(hub.server.requests).toHaveLength(before + 1)
  })

  test('but not for one that refuses', async () => {
    hub.server.commit(FILES)
    await pull()
    hub.server.fault = () => ({ status: 403, headers: { 'X-Error-Code': 'GatedRepo' } })
    await expect(pull()).rejects.toThrow('is gated')
    expect(findCached(REPO, hub.env)).toBeDefined()
  })
})

describe('answers that cannot be used', () => {
  test('a web page instead of the API', async () => {
    hub.server.fault = () => ({ body: '<html>Log in to the network</html>' })
    await expect(pull()).rejects.toThrow('does not answer as a hub: check HF_ENDPOINT')
  })

  test.each([
    { path: '../../evil.gguf', oid: 'a'.repeat(40) },
    { path: 'm.gguf', oid: '../../../evil' },
    { path: 'm.gguf', oid: undefined },
  ])('a listing that leads out of the cache or has no hash: %o', async (entry) => {
    hub.server.commit(FILES)
    hub.server.fault = ({ url }) =>
      url.includes('/tree/') ? { body: JSON.stringify([{ type: 'file', size: 5, ...entry }]) } : undefined
    await expect(pull()).rejects.toThrow('file names or hashes that are not valid')
    expect(hub.server.bytesServed).toBe(0)
  })

  test('a repository without safetensors or GGUF', async () => {
    hub.server.commit({ 'config.json': '{}', 'pytorch_model.bin': WEIGHTS, 'onnx/model.onnx': WEIGHTS })
    await expect(pull()).rejects.toThrow('neither safetensors nor GGUF weights')
    expect(hub.server.bytesServed).toBe(0)
  })
})

describe('a full disk', () => {
  test('is told before the transfer', async () => {
    hub.server.commit(FILES)
    const huge = { type: 'file', path: 'm.gguf', size: 2 ** 52, oid: 'a'.repeat(40) }
    hub.server.fault = ({ url }) => (url.includes('/tree/') ? { body: JSON.stringify([huge]) } : undefined)
    await expect(pull()).rejects.toThrow(
      /The disk of the cache at .* is full \(4503599\.6 GB needed, .* GB free\)/,
    )
    expect(hub.server.bytesServed).toBe(0)
  })

  test.skipIf(!existsSync('/dev/full'))('is told when it comes during the transfer', async () => {
    const { createHash } = await import('node:crypto')
    hub.server.commit(FILES)
    const blobs = join(hub.cacheDir, 'models--acme--tiny-model', 'blobs')
    mkdirSync(blobs, { recursive: true })
    const hash = createHash('sha256').update(WEIGHTS).digest('hex')
    symlinkSync('/dev/full', join(blobs, `${hash}.incomplete`))
    await expect(pull()).rejects.toThrow(/The disk of the cache at .* is full \(ENOSPC\): free some space/)
    expect(existsSync(join(blobs, '..', 'snapshots'))).toBe(false)
  })

  test('and a cache that cannot be written', async () => {
    hub.server.commit(FILES)
    hub.env.HF_HUB_CACHE = '/dev/null/hub'
    await expect(pull()).rejects.toThrow('The cache at /dev/null/hub cannot be written')
  })
})
