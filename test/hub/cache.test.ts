import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findCached, listCached, parseModelId, pullModel, removeCached } from '../../src/hub/index.js'
import { hubSettings } from '../../src/hub/settings.js'
import { bytes, FILES, hubFixture, REPO } from './fixture.js'

const hub = hubFixture()
const pull = (id = REPO) => pullModel(id, { env: hub.env, retryDelay: 1 })
const repository = () => join(hub.cacheDir, 'models--acme--tiny-model')
const blobs = () => readdirSync(join(repository(), 'blobs'))

/** Lays a snapshot out as Python's hf_hub_download does, one file at a time, without a listing. */
function snapshot(commit: string, files: string[], ref?: string): string {
  const path = join(repository(), 'snapshots', commit)
  for (const file of files) {
    const blob = `${commit.slice(0, 4)}${Buffer.from(file).toString('hex')}`
    write(join(repository(), 'blobs', blob), 'content')
    mkdirSync(dirname(join(path, file)), { recursive: true })
    symlinkSync(`${'../'.repeat(file.split('/').length + 1)}blobs/${blob}`, join(path, file))
  }
  if (ref) write(join(repository(), 'refs', ref), commit)
  return path
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

const COMMIT = 'c0ffee'.padEnd(40, '0')

describe('findCached', () => {
  test('finds a snapshot that another program made, by branch and by commit', () => {
    const path = snapshot(COMMIT, ['config.json', 'model.safetensors'], 'main')
    expect(findCached(REPO, hub.env)).toBe(path)
    expect(findCached(`${REPO}@${COMMIT}`, hub.env)).toBe(path)
    expect(findCached(`${REPO}@dev`, hub.env)).toBeUndefined()
    expect(findCached('acme/other', hub.env)).toBeUndefined()
  })

  test.each([
    ['only the configuration', ['config.json', 'tokenizer.json']],
    ['weights without their configuration', ['model.safetensors']],
    ['a shard too few', ['config.json', 'model-00001-of-00002.safetensors', 'model.safetensors.index.json']],
    ['no index', ['config.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']],
    ['pickled weights', ['config.json', 'pytorch_model.bin']],
  ])('does not take %s for a model', (_name, files) => {
    snapshot(COMMIT, files, 'main')
    expect(findCached(REPO, hub.env)).toBeUndefined()
    expect(listCached(hub.env)[0].files).toBe('incomplete')
  })

  test('does not take a link to a missing blob for a file', () => {
    const path = snapshot(COMMIT, ['config.json'], 'main')
    symlinkSync('../../blobs/missing', join(path, 'model.safetensors'))
    expect(findCached(REPO, hub.env)).toBeUndefined()
  })

  test('asks which of several GGUF files is meant', () => {
    const path = snapshot(COMMIT, ['a.gguf', 'sub/b.gguf'], 'main')
    expect(findCached(`${REPO}:sub/b.gguf`, hub.env)).toBe(join(path, 'sub/b.gguf'))
    expect(() => findCached(REPO, hub.env)).toThrow('one of a.gguf, sub/b.gguf')
  })

  test('a pull completes what another program left out', async () => {
    const commit = hub.server.commit(FILES)
    snapshot(commit, ['config.json'], 'main')
    const path = await pull()
    expect(readdirSync(path)).toContain('model.safetensors')
    expect(findCached(REPO, hub.env)).toBe(path)
  })
})

test('listCached describes every snapshot', async () => {
  expect(listCached(hub.env)).toEqual([])
  const first = hub.server.commit(FILES)
  await pull()
  const second = hub.server.commit({ ...FILES, 'config.json': '{}' })
  const path = await pull()
  const used = new Date('2100-01-02T03:04:05Z')
  utimesSync(join(path, 'config.json'), used, used)
  mkdirSync(join(hub.cacheDir, 'datasets--acme--data/snapshots'), { recursive: true })
  write(join(hub.cacheDir, 'models--broken'), 'not a directory')
  const models = listCached(hub.env).sort((a, b) => Number(b.commit === second) - Number(a.commit === second))
  expect(models).toMatchObject([
    {
      id: REPO,
      revisions: ['main'],
      commit: second,
      path,
      size: 300_000 + 2 + 2 + 17 + 2 + 2 + 2,
      files: 'safetensors',
    },
    {
      id: REPO,
      revisions: [first],
      commit: first,
      size: 300_000 + 22 + 2 + 17 + 2 + 2 + 2,
      files: 'safetensors',
    },
  ])
  expect(models[0].lastUsed).toEqual(used)
})

describe('removeCached', () => {
  test('removes one revision, and keeps what the other one uses', async () => {
    hub.server.commit(FILES, 'v1')
    hub.server.commit({ ...FILES, 'config.json': '{"n":22}' })
    await pull(`${REPO}@v1`)
    const kept = await pull()
    const count = blobs().length
    const removal = await removeCached(`${REPO}@v1`, hub.env)
    expect(removal.freed).toBe(FILES['config.json'].length)
    expect(blobs()).toHaveLength(count - 1)
    expect(findCached(REPO, hub.env)).toBe(kept)
    expect(findCached(`${REPO}@v1`, hub.env)).toBeUndefined()
    expect(existsSync(join(repository(), 'refs/v1'))).toBe(false)
    const served = hub.server.bytesServed
    await pull()
    expect(hub.server.bytesServed).toBe(served)
  })

  test('removes every revision, partial files too', async () => {
    hub.server.commit(FILES, 'v1')
    await pull(`${REPO}@v1`)
    hub.server.commit({ ...FILES, 'config.json': '{"n":22}' })
    await pull()
    writeFileSync(join(repository(), 'blobs', `${'a'.repeat(64)}.incomplete`), 'part')
    expect((await removeCached(REPO, hub.env)).commits).toHaveLength(2)
    expect(existsSync(repository())).toBe(false)
  })

  test('removes what an interrupted pull left', async () => {
    write(join(repository(), 'blobs', `${'a'.repeat(64)}.incomplete`), 'part')
    expect(await removeCached(REPO, hub.env)).toEqual({ commits: [], freed: 4 })
    expect(existsSync(repository())).toBe(false)
  })

  test('removes one GGUF file of several', async () => {
    hub.server.commit({ 'a.gguf': bytes(2000), 'sub/b.gguf': bytes(3000, 2) })
    await pull(`${REPO}:a.gguf`)
    await pull(`${REPO}:sub/b.gguf`)
    expect(await removeCached(`${REPO}:sub/b.gguf`, hub.env)).toEqual({ commits: [], freed: 3000 })
    expect(findCached(REPO, hub.env)).toMatch(/a\.gguf$/)
    expect((await removeCached(`${REPO}:a.gguf`, hub.env)).freed).toBe(2000)
    expect(existsSync(repository())).toBe(false)
  })

  test('removes all parts of a split GGUF file, by a quantisation as well', async () => {
    const part = (number: number) => `b-Q8_0-0000${number}-of-00002.gguf`
    hub.server.commit({ 'a-Q4_0.gguf': bytes(2000), [part(1)]: bytes(3000, 2), [part(2)]: bytes(500, 3) })
    await pull(`${REPO}:Q4_0`)
    const path = await pull(`${REPO}:Q8_0`)
    rmSync(path.replace('00001', '00002'))
    expect(findCached(`${REPO}:Q8_0`, hub.env)).toBeUndefined()
    expect(findCached(REPO, hub.env)).toMatch(/a-Q4_0\.gguf$/)
    await pull(`${REPO}:Q8_0`)
    expect(await removeCached(`${REPO}:${part(2)}`, hub.env)).toEqual({ commits: [], freed: 3500 })
    await expect(removeCached(`${REPO}:Q8_0`, hub.env)).rejects.toThrow('is not in the cache')
    expect((await removeCached(`${REPO}:q4_0`, hub.env)).freed).toBe(2000)
  })

  test.each([REPO, `${REPO}@v1`, `${REPO}:a.gguf`])('refuses %s when it is not there', async (id) => {
    await expect(removeCached(id, hub.env)).rejects.toThrow(`${id} is not in the cache`)
  })
})

test.each([
  [{ HOME: '/u' }, '/u/.cache/huggingface/hub'],
  [{ HOME: '/u', XDG_CACHE_HOME: '/x' }, '/x/huggingface/hub'],
  [{ HOME: '/u', XDG_CACHE_HOME: '/x', HF_HOME: '~/hf' }, '/u/hf/hub'],
  [{ HOME: '/u', HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old' }, '/old'],
  [{ HOME: '/u', HF_HOME: '/h', HF_HUB_CACHE: '$DISK/hub', DISK: '/d' }, '/d/hub'],
])('the cache directory of %o', (env, cacheDir) => {
  expect(hubSettings(env).cacheDir).toBe(cacheDir)
})

describe('a hub id', () => {
  test.each([
    ['org/name', { repo: 'org/name', revision: 'main', file: undefined }],
    ['a.b-c/D_1.5@refs/pr/3', { repo: 'a.b-c/D_1.5', revision: 'refs/pr/3', file: undefined }],
    ['org/name@v1:q4/m.gguf', { repo: 'org/name', revision: 'v1', file: 'q4/m.gguf' }],
    ['org/name:q4/M.GGUF', { repo: 'org/name', revision: 'main', file: 'q4/M.GGUF' }],
    ['org/name:Q4_K_M', { repo: 'org/name', revision: 'main', quantisation: 'Q4_K_M' }],
    ['org/name@v1:bf16', { repo: 'org/name', revision: 'v1', quantisation: 'bf16' }],
  ])('%s', (text, parts) => {
    expect(parseModelId(text)).toEqual({ ...parts, text })
  })

  test.each([
    '',
    'name',
    'a/b/c',
    '../x',
    'a/..',
    'a/b@',
    'a/b@../../x',
    'a/b@/etc',
    'a/b:m.bin',
    'a/b:../m.gguf',
    'a/b:latest',
    'a/b:Q4(',
    'a/b:q4/Q4_0',
    'a/b:',
    'a--b/c',
    './a',
    'a b/c',
  ])('is not %j', (text) => {
    expect(() => parseModelId(text)).toThrow(expect.objectContaining({ exitCode: 2 }))
  })
})
