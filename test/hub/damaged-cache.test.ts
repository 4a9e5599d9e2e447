import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import { findCached, listCached, pullModel, removeCached } from '../../src/hub/index.js'
import { FILES, hubFixture, REPO } from './fixture.js'

const hub = hubFixture()
const A = 'a'.repeat(40)
const B = 'b'.repeat(40)
let repository: string
let precious: string

/** A snapshot of each of two commits, `main` at the first, and beside the cache what is not ours. */
beforeEach(() => {
  repository = join(hub.cacheDir, 'models--acme--tiny-model')
  precious = join(hub.home, 'precious')
  mkdirSync(precious)
  writeFileSync(join(precious, 'file'), 'data')
  for (const commit of [A, B]) {
    mkdirSync(join(repository, 'snapshots', commit), { recursive: true })
    for (const name of ['config.json', 'model.safetensors'])
      writeFileSync(join(repository, 'snapshots', commit, name), '{}')
  }
  mkdirSync(join(repository, 'refs'))
  mkdirSync(join(repository, 'blobs'))
  writeFileSync(join(repository, 'refs/main'), A)
})

const isKept = () => readFileSync(join(precious, 'file'), 'utf8') === 'data'

describe('a ref that holds no commit', () => {
  const contents = [
    '../../../../precious',
    '/etc',
    '',
    'main',
    '\0',
    '..',
    'x'.repeat(10_000),
    `${A}/../${B}`,
  ]
  test.each(contents)('%j is not followed', async (content) => {
    writeFileSync(join(repository, 'refs/main'), content)
    expect(findCached(REPO, hub.env)).toBeUndefined()
    await expect(removeCached(`${REPO}@main`, hub.env)).rejects.toThrow('is not in the cache')
    expect(listCached(hub.env).map(({ revisions }) => revisions)).toEqual([[A], [B]])
    expect(isKept()).toBe(true)
    expect(readdirSync(join(repository, 'snapshots'))).toEqual([A, B])
  })

  test('a commit that is not there', async () => {
    writeFileSync(join(repository, 'refs/main'), 'c'.repeat(40))
    expect(findCached(REPO, hub.env)).toBeUndefined()
    await expect(removeCached(`${REPO}@main`, hub.env)).rejects.toThrow('is not in the cache')
  })

  test('a directory, a pipe, a link to nothing, a link in a circle', async () => {
    const ref = join(repository, 'refs/main')
    for (const make of [
      () => mkdirSync(ref),
      () => execFileSync('mkfifo', [ref]),
      () => symlinkSync('nowhere', ref),
      () => symlinkSync('main', ref),
    ]) {
      rmSync(ref, { recursive: true, force: true })
      make()
      expect(findCached(REPO, hub.env)).toBeUndefined()
      expect(listCached(hub.env)).toHaveLength(2)
    }
    expect((await removeCached(REPO, hub.env)).commits).toEqual([A, B])
  })

  test('what a killed process had begun to write', () => {
    for (const end of ['123', '123-0123abcd']) writeFileSync(join(repository, `refs/main.${end}.tmp`), A)
    expect(listCached(hub.env)[0].revisions).toEqual(['main'])
  })

  test('a name with an escape sequence', () => {
    writeFileSync(join(repository, 'refs/\u001b[2J'), A)
    mkdirSync(join(repository, 'snapshots/\u001b[2J'))
    expect(JSON.stringify(listCached(hub.env))).not.toContain('u001b')
  })
})

describe('links', () => {
  test.each([
    ['the repository', () => ['.']],
    ['refs', () => ['refs']],
    ['snapshots', () => ['snapshots']],
    ['blobs', () => ['blobs']],
    ['a snapshot', () => [`snapshots/${A}`]],
  ])('out of the cache at %s are not followed by rm', async (_name, parts) => {
    for (const part of parts()) {
      rmSync(join(repository, part), { recursive: true })
      symlinkSync(precious, join(repository, part))
    }
    mkdirSync(join(precious, 'snapshots', A), { recursive: true })
    const id = parts()[0] === `snapshots/${A}` ? `${REPO}@main` : REPO
    await expect(removeCached(id, hub.env)).rejects.toThrow(/leads to .*precious, outside the cache/)
    expect(isKept()).toBe(true)
    expect(existsSync(join(precious, 'snapshots', A))).toBe(true)
  })

  test('in a circle end', async () => {
    for (const name of ['x', 'y']) symlinkSync('.', join(repository, 'snapshots', A, name))
    symlinkSync('self', join(repository, 'snapshots', A, 'self'))
    expect(listCached(hub.env)[0].size).toBe(4)
    expect(findCached(REPO, hub.env)).toBe(join(repository, 'snapshots', A))
    expect((await removeCached(`${REPO}@main`, hub.env)).commits).toEqual([A])
    expect(readdirSync(join(repository, 'snapshots'))).toEqual([B])
  })

  test('of files to elsewhere are removed, and their targets stay', async () => {
    const snapshot = join(repository, 'snapshots', A)
    symlinkSync(join(precious, 'file'), join(snapshot, 'away.json'))
    symlinkSync('../..', join(snapshot, 'up'))
    symlinkSync('../../blobs/..', join(snapshot, 'up.json'))
    symlinkSync(precious, join(snapshot, 'directory'))
    await removeCached(`${REPO}@main`, hub.env)
    expect(existsSync(snapshot)).toBe(false)
    expect(isKept()).toBe(true)
    symlinkSync(join(precious, 'file'), join(repository, 'blobs/blob'))
    expect((await removeCached(REPO, hub.env)).freed).toBe(0)
    expect(isKept()).toBe(true)
    expect(existsSync(repository)).toBe(false)
  })
})

describe('files where directories should be', () => {
  test.each(['refs', 'snapshots', 'blobs', `snapshots/${A}`])('%s', async (part) => {
    rmSync(join(repository, part), { recursive: true })
    writeFileSync(join(repository, part), 'x')
    expect(() => [listCached(hub.env), findCached(REPO, hub.env)]).not.toThrow()
    const outcome = await removeCached(`${REPO}@${A}`, hub.env).catch((error) => error)
    if (outcome instanceof Error) expect(outcome).toBeInstanceOf(UserError)
    if (existsSync(repository)) await removeCached(REPO, hub.env)
    expect(existsSync(repository)).toBe(false)
  })

  test('the repository', async () => {
    rmSync(repository, { recursive: true })
    writeFileSync(repository, 'x')
    expect([listCached(hub.env), findCached(REPO, hub.env)]).toEqual([[], undefined])
    await expect(removeCached(REPO, hub.env)).rejects.toThrow('is not in the cache')
  })

  test('the cache itself', async () => {
    hub.env.HF_HUB_CACHE = join(precious, 'file')
    expect(listCached(hub.env)).toEqual([])
    await expect(removeCached(REPO, hub.env)).rejects.toThrow('is not in the cache')
    hub.server.commit(FILES)
    await expect(pullModel(REPO, { env: hub.env })).rejects.toThrow(/The cache at .* cannot be written/)
  })

  test('a snapshot of a pull', async () => {
    const commit = hub.server.commit(FILES)
    writeFileSync(join(repository, 'snapshots', commit), 'x')
    await expect(pullModel(REPO, { env: hub.env })).rejects.toThrow(/The cache at .* cannot be written/)
  })
})

test('a cache at a relative path frees what no snapshot links to', async () => {
  const cwd = process.cwd()
  try {
    process.chdir(hub.home)
    hub.env.HF_HOME = '.'
    rmSync(repository, { recursive: true })
    hub.server.commit(FILES, 'v1')
    hub.server.commit({ ...FILES, 'config.json': '{"n":22}' })
    await pullModel(`${REPO}@v1`, { env: hub.env })
    await pullModel(REPO, { env: hub.env })
    expect((await removeCached(`${REPO}@v1`, hub.env)).freed).toBe(FILES['config.json'].length)
  } finally {
    process.chdir(cwd)
  }
})
