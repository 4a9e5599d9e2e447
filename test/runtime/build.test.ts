import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import type * as fs from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { cacheDirectory } from '../../src/cache-directory.js'
import { UserError } from '../../src/errors.js'
import { withLock } from '../../src/lock.js'
import { ownerLine } from '../../src/lock-owner.js'
import { specFromConfig } from '../../src/models/families/index.js'
import { buildGraph } from '../../src/runtime/build.js'
import { loadOnnxModel, type RuntimeOptions } from '../../src/runtime/load.js'
import { openWeights } from '../../src/weights/index.js'
import { fixturePath, largestDifference } from '../fixtures.js'
import { temporaryDirectory } from '../weights/files.js'

/** A disk that is full after so many bytes of weights, or always where graphs are written; undefined for no limit. */
const disk = vi.hoisted(() => ({ weightBytes: Infinity, graphs: true }))

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof fs>()
  const full = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  const open = async (...args: Parameters<typeof fs.open>) => {
    const handle = await real.open(...args)
    const write = handle.write.bind(handle) as (...all: unknown[]) => Promise<{ bytesWritten: number }>
    let written = 0
    handle.write = (async (...all: unknown[]) => {
      if (written >= disk.weightBytes) throw full()
      const result = await write(...all)
      written += result.bytesWritten
      return result
    }) as unknown as typeof handle.write
    return handle
  }
  const writeFile = async (...args: Parameters<typeof fs.writeFile>) => {
    if (!disk.graphs) throw full()
    return real.writeFile(...args)
  }
  return { ...real, open, writeFile }
})

const temporary = temporaryDirectory()
let cache: string
let tests = 0
beforeEach(() => {
  Object.assign(disk, { weightBytes: Infinity, graphs: true })
  vi.stubEnv('XDG_CACHE_HOME', join(temporary, `cache-${tests++}`))
  cache = cacheDirectory('graphs')
})

const entries = () => (existsSync(cache) ? readdirSync(cache).sort() : [])

/** Loads a model's directory and returns the logits of a short prompt, and how often its build reported progress. */
async function load(directory: string, options: RuntimeOptions = {}) {
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'))
  const spec = specFromConfig(config, directory)
  const store = await openWeights(directory)
  const onBuild = vi.fn()
  try {
    const all = { device: 'cpu', dtype: 'int8', threads: 1, onBuild, ...options } as const
    const { model } = await loadOnnxModel(spec, store, directory, all)
    const output = await model.forward(model.newCache(), [5, 7, 9], [-1, 0, 1])
    const logits = output.logits(2).slice()
    await model.dispose()
    return { logits, progress: onBuild.mock.calls.map(([report]) => report) }
  } finally {
    await store.close()
  }
}

function copyOf(fixture: string, name: string): string {
  const directory = join(temporary, name)
  cpSync(fixturePath(fixture), directory, { recursive: true })
  return directory
}

describe('an entry', () => {
  test('is built once, with progress up to its size, and then loaded as it is', async () => {
    const first = await load(fixturePath('llama'))
    expect(first.progress.length).toBeGreaterThan(10)
    const { done, total } = first.progress.at(-1)
    expect(done).toBeGreaterThan(total / 2)
    expect(first.progress.every((report, i, all) => i === 0 || report.done >= all[i - 1].done)).toBe(true)
    expect(entries()).toHaveLength(1)
    const files = () =>
      readdirSync(join(cache, entries()[0])).map((name) => {
        const { mtimeMs, ino, size } = statSync(join(cache, entries()[0], name))
        return { name, mtimeMs, ino, size }
      })
    const built = files()
    const second = await load(fixturePath('llama'))
    expect(second.progress).toEqual([])
    expect(files()).toEqual(built)
    expect(second.logits).toEqual(first.logits)
  })

  test.each([[[]], [[0, 2]]])(
    'serves graphs with exits too, whichever is asked for first: %j',
    async (exits) => {
      const first = await load(fixturePath('llama'), { exits })
      expect(first.progress.length).toBeGreaterThan(10)
      const second = await load(fixturePath('llama'), { exits: exits.length > 0 ? [] : [1] })
      expect(second.progress).toEqual([])
      expect(entries()).toHaveLength(1)
      // Rows are quantised one by one, whatever else is in the pass.
      expect(second.logits).toEqual(first.logits)
    },
  )

  test('is one for each of weights, dtype and cache layout', async () => {
    await load(fixturePath('llama'))
    await load(fixturePath('llama'), { dtype: 'int4' })
    await load(fixturePath('qwen3'))
    expect(entries()).toHaveLength(3)
    const spec = specFromConfig(JSON.parse(readFileSync(fixturePath('llama/config.json'), 'utf8')), 'llama')
    const store = await openWeights(fixturePath('llama'))
    await buildGraph(spec, store, 'int8', { layout: 'in-place' })
    expect(entries()).toHaveLength(3)
    await buildGraph(spec, store, 'int8', { layout: 'appended' })
    await store.close()
    expect(entries()).toHaveLength(4)
  })

  test('is another one once the weights have changed, though their size and time have not', async () => {
    const directory = copyOf('llama', 'changed')
    const before = await load(directory)
    const file = join(directory, 'model.safetensors')
    const bytes = readFileSync(file)
    for (let at = bytes.length / 2 - 4096; at < bytes.length; at += 4)
      bytes.writeFloatLE(0.125, at - (at % 4))
    writeFileSync(file, bytes)
    const after = await load(directory)
    expect(after.progress.length).toBeGreaterThan(0)
    expect(largestDifference(before.logits, after.logits)).toBeGreaterThan(0.1)
    expect(entries()).toHaveLength(2)
  })

  test('is not needed for float32 safetensors, whole, sharded or behind a link of the same name', async () => {
    const linked = join(temporary, 'linked')
    const blobs = join(temporary, 'blobs')
    mkdirSync(linked)
    cpSync(fixturePath('llama'), blobs, { recursive: true })
    cpSync(fixturePath('llama/config.json'), join(linked, 'config.json'))
    symlinkSync(join(blobs, 'model.safetensors'), join(linked, 'model.safetensors'))
    const runs = []
    for (const directory of [fixturePath('llama'), fixturePath('llama-sharded'), linked]) {
      runs.push(await load(directory, { dtype: 'fp32' }))
    }
    expect(entries()).toEqual([])
    for (const { logits, progress } of runs) {
      expect(progress).toEqual([])
      expect(logits).toEqual(runs[0].logits)
    }
  })

  test('is made where the file has another name than its link, as in the cache of the hub', async () => {
    const directory = copyOf('llama', 'snapshot')
    const blob = join(temporary, '0123abcd')
    renameSync(join(directory, 'model.safetensors'), blob)
    symlinkSync(blob, join(directory, 'model.safetensors'))
    const { logits } = await load(directory, { dtype: 'fp32' })
    expect(logits).toEqual((await load(fixturePath('llama'), { dtype: 'fp32' })).logits)
  })

  test.each(['llama-bf16', 'llama-f16'])('holds %s in float32', async (fixture) => {
    const first = await load(fixturePath(fixture), { dtype: 'fp32' })
    expect(first.progress.length).toBeGreaterThan(0)
    expect((await load(fixturePath(fixture), { dtype: 'fp32' })).logits).toEqual(first.logits)
    expect(entries()).toHaveLength(1)
  })

  test('may be built twice at the same time', async () => {
    const [a, b] = await Promise.all([load(fixturePath('llama')), load(fixturePath('llama'))])
    expect(a.logits).toEqual(b.logits)
    expect(entries()).toHaveLength(1)
    expect((await load(fixturePath('llama'))).progress).toEqual([])
  })
})

describe('a damaged entry', () => {
  const damages: [string, (entry: string) => void][] = [
    ['weights cut short', (entry) => truncateSync(join(entry, 'weights.bin'), 1000)],
    ['no weights', (entry) => renameSync(join(entry, 'weights.bin'), join(entry, 'elsewhere'))],
    ['an empty graph', (entry) => truncateSync(join(entry, 'graph.onnx'), 0)],
    ['a graph cut short', (entry) => truncateSync(join(entry, 'graph.onnx'), 5000)],
    [
      'a graph with another byte',
      (entry) => {
        const bytes = readFileSync(join(entry, 'graph.onnx'))
        bytes[bytes.length >> 1] ^= 0xff
        writeFileSync(join(entry, 'graph.onnx'), bytes)
      },
    ],
    ['a manifest that is no JSON', (entry) => writeFileSync(join(entry, 'entry.json'), '{')],
    ['a manifest that is no object', (entry) => writeFileSync(join(entry, 'entry.json'), 'null')],
  ]
  test.each(damages)('with %s is built again', async (_, damage) => {
    const { logits } = await load(fixturePath('llama'))
    damage(join(cache, entries()[0]))
    const again = await load(fixturePath('llama'))
    expect(again.progress.length).toBeGreaterThan(0)
    expect(again.logits).toEqual(logits)
    expect(entries()).toHaveLength(1)
    expect((await load(fixturePath('llama'))).progress).toEqual([])
  })
})

describe('a build that fails leaves nothing', () => {
  test.each([0, 1000, 100_000])('when the disk is full after %i bytes of weights', async (weightBytes) => {
    disk.weightBytes = weightBytes
    const failure = await load(fixturePath('llama')).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(UserError)
    expect(failure).toMatchObject({
      exitCode: 1,
      message: `The disk of the graph cache at ${cache} is full: free some space, or set XDG_CACHE_HOME to another disk.`,
    })
    expect(entries()).toEqual([])
    disk.weightBytes = Infinity
    expect((await load(fixturePath('llama'))).progress.length).toBeGreaterThan(0)
  })

  test('when the disk is full before the graph is written', async () => {
    disk.graphs = false
    await expect(load(fixturePath('llama'))).rejects.toThrow(/disk of the graph cache at .* is full/)
    expect(entries()).toEqual([])
  })

  test('when it is aborted, and the reason is thrown as it is', async () => {
    const controller = new AbortController()
    const onBuild = ({ done }: { done: number }) => {
      if (done > 1000) controller.abort()
    }
    const run = load(fixturePath('llama'), { signal: controller.signal, onBuild })
    const failure = await run.catch((error: unknown) => error)
    expect(failure).toBe(controller.signal.reason)
    expect(failure).toMatchObject({ name: 'AbortError' })
    expect(entries()).toEqual([])
  })

  test('when the weights are damaged', async () => {
    const directory = copyOf('llama', 'not-finite')
    const file = join(directory, 'model.safetensors')
    const bytes = readFileSync(file)
    bytes.writeFloatLE(Number.NaN, bytes.length - 4)
    bytes.writeFloatLE(Number.NaN, bytes.length - 40_000)
    writeFileSync(file, bytes)
    await expect(load(directory)).rejects.toThrow(/the weights are damaged/)
    expect(entries()).toEqual([])
  })
})

test('a cache that cannot be written is a sentence', async () => {
  const file = join(temporary, 'file')
  writeFileSync(file, '')
  vi.stubEnv('XDG_CACHE_HOME', file)
  const failure = await load(fixturePath('llama')).catch((error: unknown) => error)
  expect(failure).toMatchObject({ name: 'UserError', exitCode: 1 })
  expect((failure as Error).message).toMatch(
    /^The graph cache at .*file\/llm\/graphs cannot be written \(.+\): set XDG_CACHE_HOME to a directory that can be written\.$/,
  )
})

/** What a run that has not ended writes: a directory, and a lock beside it. */
function unfinished(name: string, owner?: string): void {
  mkdirSync(join(cache, name), { recursive: true })
  writeFileSync(join(cache, name, 'weights.bin'), 'half')
  if (owner) writeFileSync(join(cache, `${name}.lock`), owner)
}

test('what a killed process left is removed, and what a living one is at is not', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  unfinished('abc.1.tmp', `${hostname()} ${pid} x`)
  unfinished('def.2.tmp')
  unfinished('unrelated')
  const living = join(cache, 'ghi.3.tmp')
  await withLock(`${living}.lock`, async (lock) => {
    unfinished('ghi.3.tmp')
    // Of a container that shares the cache, where that process id is no one's here.
    const elsewhere = ownerLine().replace(/ \d+ (\S+) (\S+)/, ' 1 $1 other-boot')
    unfinished('jkl.4.tmp', elsewhere)
    await load(fixturePath('llama'))
    lock.assertHeld()
  })
  const left = entries().filter((name) => /tmp|unrelated/.test(name))
  expect(left.sort()).toEqual(['ghi.3.tmp', 'jkl.4.tmp', 'jkl.4.tmp.lock', 'unrelated'])
})

test('two at once that find an entry damaged give each a whole one', async () => {
  const { logits } = await load(fixturePath('llama'))
  writeFileSync(join(cache, entries()[0], 'graph.onnx'), '')
  const both = await Promise.all([1, 2].map(() => load(fixturePath('llama'))))
  expect(both.map((each) => each.logits)).toEqual([logits, logits])
  expect(entries()).toHaveLength(1)
})

test('the cache lies under XDG_CACHE_HOME, or .cache in the home directory', () => {
  expect(cacheDirectory('graphs', { XDG_CACHE_HOME: '/x', HOME: '/home/me' })).toBe('/x/llm/graphs')
  expect(cacheDirectory('graphs', { XDG_CACHE_HOME: '', HOME: '/home/me' })).toBe(
    '/home/me/.cache/llm/graphs',
  )
  expect(dirname(cacheDirectory('graphs', {}))).toMatch(/\.cache\/llm$/)
})
