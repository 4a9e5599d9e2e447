import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { format } from 'node:util'
import { captureOutput } from '@oclif/test'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import ModelsList from '../../src/commands/models/list.js'
import ModelsPull from '../../src/commands/models/pull.js'
import ModelsRm from '../../src/commands/models/rm.js'
import { bytes, FILES, hubFixture, NEEDED, REPO } from '../hub/fixture.js'

const hub = hubFixture()
interface Runnable {
  run(argv: string[], root: string): Promise<unknown>
}

const run = (command: Runnable, ...argv: string[]) => captureOutput(() => command.run(argv, import.meta.url))

beforeEach(() => {
  for (const name of ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE', 'DEBUG'])
    vi.stubEnv(name, '')
  for (const [name, value] of Object.entries(hub.env)) vi.stubEnv(name, value)
  // oclif prints with console.log, which vitest keeps away from the stream that captureOutput listens to.
  vi.spyOn(console, 'log').mockImplementation((...args) => {
    process.stdout.write(`${format(...args)}\n`)
  })
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

test('pull, list, rm', async () => {
  const commit = hub.server.commit(FILES)
  const pulled = await run(ModelsPull, REPO)
  expect(pulled.error).toBeUndefined()
  expect(pulled.stdout.trim()).toMatch(new RegExp(`models--acme--tiny-model/snapshots/${commit}$`))
  expect(pulled.stderr.match(/Pulling \S+/g)).toEqual(
    NEEDED.map((file) => `Pulling ${file}`).sort(weightsLast),
  )

  const { stdout } = await run(ModelsList)
  const lines = stdout.trimEnd().split('\n')
  expect(lines[0]).toMatch(/^ID +REVISION +SIZE +FILES +LAST USED$/)
  expect(lines[1]).toMatch(/^acme\/tiny-model +main +300\.0 kB +safetensors +\d{4}-\d\d-\d\d$/)

  const removed = await run(ModelsRm, REPO, '--yes')
  expect(removed.stdout).toBe('Removed acme/tiny-model: 300.0 kB freed.\n')
  expect((await run(ModelsList)).stdout).toContain('No models in the cache')
})

const weightsLast = (a: string, b: string) =>
  Number(a.endsWith('safetensors')) - Number(b.endsWith('safetensors'))

test('--json prints one object and nothing else on stdout', async () => {
  const commit = hub.server.commit({ 'm.gguf': bytes(2000) }, 'dev')
  const pulled = await run(ModelsPull, `${REPO}@dev`, '--json')
  expect(JSON.parse(pulled.stdout)).toEqual({
    id: `${REPO}@dev`,
    path: expect.stringMatching(`${commit}/m.gguf$`),
  })
  const listed = await run(ModelsList, '--json')
  expect(JSON.parse(listed.stdout)).toMatchObject([
    {
      id: REPO,
      revisions: ['dev'],
      commit,
      size: 2000,
      files: 'gguf',
      lastUsed: expect.stringMatching(/T.*Z$/),
    },
  ])
  const removed = await run(ModelsRm, REPO, '--yes', '--json')
  expect(JSON.parse(removed.stdout)).toEqual({ id: REPO, commits: [commit], freed: 2000 })
})

test('a failure is one sentence on stderr and exit code 1', async () => {
  hub.server.commit(FILES)
  const { error, stdout, stderr } = await run(ModelsPull, 'acme/other')
  expect(stderr).toBe(`Error: There is no model acme/other at ${hub.server.endpoint}: check its name.\n`)
  expect(stdout).toBe('')
  expect(error?.oclif?.exit).toBe(1)
})

test('a malformed id is wrong usage: exit code 2', async () => {
  const { error, stderr } = await run(ModelsPull, 'tiny')
  expect(stderr).toMatch(/^Error: "tiny" is not a hub model id: write org\/name.*\n$/)
  expect(error?.oclif?.exit).toBe(2)
})

test('a failure with --json is an object on stdout', async () => {
  const { error, stdout, stderr } = await run(ModelsRm, REPO, '--yes', '--json')
  expect(JSON.parse(stdout)).toEqual({
    error: { message: expect.stringContaining('not in the cache'), exitCode: 1 },
  })
  expect(stderr).toBe('')
  expect(error?.oclif?.exit).toBe(1)
})

test('DEBUG adds the stack', async () => {
  vi.stubEnv('DEBUG', '1')
  const { stderr } = await run(ModelsPull, 'tiny')
  expect(stderr).toContain('model-id')
})

test('rm without a terminal to ask on needs --yes, and removes nothing', async () => {
  hub.server.commit(FILES)
  await run(ModelsPull, REPO)
  const { error, stderr } = await run(ModelsRm, REPO)
  expect(stderr).toBe(`Error: Removing ${REPO} needs a confirmation: add --yes.\n`)
  expect(error?.oclif?.exit).toBe(2)
  expect((await run(ModelsList)).stdout).toContain(REPO)
})

test('Ctrl-C exits 130 and the next pull goes on', async () => {
  hub.server.commit(FILES)
  let first = true
  const blobs = join(hub.cacheDir, 'models--acme--tiny-model/blobs')
  const kept = () =>
    readdirSync(blobs)
      .filter((name) => name.endsWith('.incomplete'))
      .map((name) => statSync(join(blobs, name)).size)
  const interruptWhenKept = async () => {
    await vi.waitUntil(() => kept().includes(100_000), { interval: 1, timeout: 60_000 })
    process.emit('SIGINT')
  }
  hub.server.fault = ({ kind }) => {
    if (kind !== 'cdn' || !first) return undefined
    first = false
    return { stallAfter: 100_000, onStall: interruptWhenKept }
  }
  const { error, stderr } = await run(ModelsPull, REPO)
  expect(stderr).toMatch(/Error: Interrupted\.\n$/)
  expect(error?.oclif?.exit).toBe(130)
  const served = hub.server.bytesServed
  expect((await run(ModelsPull, REPO)).error).toBeUndefined()
  expect(hub.server.bytesServed - served).toBe(200_000)
  expect(process.listenerCount('SIGINT')).toBe(0)
})
