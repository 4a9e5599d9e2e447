import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { UserError } from '../../src/errors.js'
import { findCached, listCached, pullModel, removeCached } from '../../src/hub/index.js'
import { createRandom } from '../../src/random.js'
import { mutateBytes, mutateValue } from '../mutations.js'
import { hubFixture, REPO } from './fixture.js'

const hub = hubFixture()
const COMMIT = 'a'.repeat(40)

afterEach(() => {
  vi.unstubAllGlobals()
})

/** Only sentences, and nothing out of the cache. */
async function expectSentence(work: () => unknown, what: string): Promise<void> {
  try {
    await work()
  } catch (error) {
    expect(error, `${what}: ${error instanceof Error ? error.stack : error}`).toBeInstanceOf(UserError)
  }
}

test('answers of the hub in all forms are used or refused with a sentence', async () => {
  const info = { _id: '1', id: REPO, sha: COMMIT, private: false, siblings: [], tags: [] }
  const blob = { type: 'file', path: 'config.json', size: 2, oid: '9e26dfeeb6e641a33dae4961196235bdb965b21b' }
  const lfs = { oid: 'b'.repeat(64), size: 2, pointerSize: 130 }
  const tree = [blob, { ...blob, path: 'model.safetensors', lfs }, { type: 'directory', path: 'x', size: 0 }]
  const random = createRandom(7)
  const mutate = (value: unknown) =>
    random() < 0.2 ? mutateBytes(JSON.stringify(value), random) : JSON.stringify(mutateValue(value, random))
  for (let i = 0; i < 1000; i++) {
    const which = Math.floor(random() * 3)
    const answers = {
      info: which ? JSON.stringify(info) : mutate(info),
      tree: which ? mutate(tree) : JSON.stringify(tree),
    }
    vi.stubGlobal('fetch', async (url: string) => {
      if (url.includes('/tree/')) return new Response(answers.tree)
      return new Response(url.includes('/api/') ? answers.info : '{}', { headers: { 'X-Error-Code': 'x' } })
    })
    await expectSentence(() => pullModel(REPO, { env: hub.env, retryDelay: 0 }), JSON.stringify(answers))
    rmSync(hub.cacheDir, { recursive: true, force: true })
  }
}, 120_000)

test('refs of all contents are used or left alone', async () => {
  const repository = join(hub.cacheDir, 'models--acme--tiny-model')
  const random = createRandom(8)
  mkdirSync(join(repository, 'refs'), { recursive: true })
  for (let i = 0; i < 300; i++) {
    mkdirSync(join(repository, 'snapshots', COMMIT), { recursive: true })
    mkdirSync(join(repository, 'refs'), { recursive: true })
    writeFileSync(join(repository, 'refs/main'), mutateBytes(COMMIT, random))
    writeFileSync(join(hub.home, 'outside'), 'data')
    for (const work of [
      () => findCached(REPO, hub.env),
      () => listCached(hub.env),
      () => removeCached(`${REPO}@main`, hub.env),
    ]) {
      await expectSentence(work, 'a ref')
    }
    expect(readFileSync(join(hub.home, 'outside'), 'utf8')).toBe('data')
  }
}, 120_000)
