import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { buildSync } from 'esbuild'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { type Lock, LockHeld, withLock } from '../src/lock.js'
import { ownerLine } from '../src/lock-owner.js'
import { temporaryDirectory } from './weights/files.js'

const links = vi.hoisted(() => ({ areThere: true }))
const disk = vi.hoisted(() => ({ isFull: false }))
vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>()
  const link: typeof fs.link = (...paths) =>
    links.areThere
      ? fs.link(...paths)
      : Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM' }))
  // The file is made, and its content finds no room: the error names no path.
  const writeFile: typeof fs.writeFile = async (file, ...rest) => {
    if (!disk.isFull) return fs.writeFile(file, ...rest)
    await fs.writeFile(file, '')
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' })
  }
  return { ...fs, link, writeFile }
})

const home = temporaryDirectory()
const isLinux = process.platform === 'linux'
/** Silence is soon long, and watched for a moment: for what another machine would have to do. */
const SHORT = { heartbeat: 5, silence: 100 }
let count = 0
const newLock = () => join(home, `${++count}`, 'a.lock')
const left = (path: string) => readdirSync(join(path, '..'))
const held = (path: string, options = {}) => withLock(path, async (lock) => lock.mayHaveRival, options)

/** A lock that is there already. */
function lockOf(line: string, path = newLock()): string {
  spawnSync('mkdir', ['-p', join(path, '..')])
  writeFileSync(path, line)
  return path
}

const { pid: gone } = spawnSync('true')
const dead = (id: string) => `${hostname()} ${gone} ${id}`
/** A process of this machine's present, under another id. */
const [, , , boot, namespace, start] = ownerLine().split(' ')
const elsewhere = `${hostname()} ${process.pid} away ${boot}0 ${namespace} ${start}`

/** A process that takes the lock in its first argument, says what it is at, and lets it go when it is told. */
const CHILD = `
import { withLock } from './lock.mjs'
import { closeSync, openSync, rmSync } from 'node:fs'
const [path, inside] = process.argv.slice(2)
const told = () => new Promise((resolve) => process.once('message', resolve))
process.send('ready')
await told()
await withLock(path, async (lock) => {
  closeSync(openSync(inside, 'wx'))
  process.send('in')
  await told()
  rmSync(inside)
  let said = 'still held'
  try { lock.assertHeld() } catch (error) { said = error.message }
  process.send(said)
}, { timing: { heartbeat: 5, silence: 60_000 } })
process.send('out')
process.disconnect()
`
buildSync({
  entryPoints: [join(import.meta.dirname, '../src/lock.ts')],
  bundle: true,
  format: 'esm',
  platform: 'node',
  outfile: join(home, 'lock.mjs'),
})
writeFileSync(join(home, 'child.mjs'), CHILD)

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const said = async (child: ChildProcess) => (await once(child, 'message'))[0]

async function childOn(path: string): Promise<ChildProcess> {
  const child = fork(join(home, 'child.mjs'), [path, `${path}-inside`])
  children.push(child)
  expect(await said(child)).toBe('ready')
  return child
}

async function holderOf(path: string): Promise<ChildProcess> {
  const child = await childOn(path)
  child.send('go')
  expect(await said(child)).toBe('in')
  return child
}

describe('a lock', () => {
  test('is of one at a time, in one process too, and leaves nothing', async () => {
    const path = newLock()
    let inside = 0
    const task = async (lock: Lock) => {
      expect(++inside).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      lock.assertHeld()
      inside--
    }
    await Promise.all(Array.from({ length: 5 }, () => withLock(path, task)))
    expect(left(path)).toEqual([])
  })

  test('that the disk has no room for is told with its path, and leaves nothing', async () => {
    const path = newLock()
    disk.isFull = true
    try {
      await expect(held(path)).rejects.toMatchObject({ code: 'ENOSPC', path })
    } finally {
      disk.isFull = false
    }
    expect(left(path)).toEqual([])
  })

  test('is let go where the task fails', async () => {
    const path = newLock()
    await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await held(path)).toBe(false)
  })

  test('waits, tells once, and ends by its signal', async () => {
    const path = newLock()
    const onWait = vi.fn()
    await withLock(path, async () => {
      const stop = new AbortController()
      const waiting = withLock(path, async () => {}, {
        onWait: () => onWait(stop.abort()),
        signal: stop.signal,
      })
      await expect(waiting).rejects.toThrow(/abort/i)
    })
    expect(onWait).toHaveBeenCalledTimes(1)
  })

  test('in a directory that cannot be made is an error', async () => {
    await expect(held(join(home, 'child.mjs', 'x', 'a.lock'))).rejects.toThrow(/ENOTDIR/)
    if (isLinux) await expect(held('/proc/none/a.lock')).rejects.toThrow(/ENOENT/)
  })

  test('that is a link to nothing is an error, and no endless turn', async () => {
    const path = lockOf('')
    rmSync(path)
    spawnSync('ln', ['-s', 'nothing', path])
    await expect(held(path)).rejects.toThrow(/is a link to nothing: remove it\.$/)
  })
})

describe('a stale lock', () => {
  test('of a process that is gone is taken at once', async () => {
    expect(await held(lockOf(dead('x')))).toBe(false)
  })

  test("of a process whose id is another one's by now is taken at once", async (context) => {
    if (!isLinux) return context.skip('only Linux tells when a process began')
    expect(await held(lockOf(ownerLine().replace(/\d+$/, '1')))).toBe(false)
  })

  test('of a zombie is taken at once', async (context) => {
    if (!isLinux) return context.skip('only Linux tells')
    // Its parent does not ask how it ended: by then that is no shell any more, which might.
    const script = 'read line <&3 & echo $!; exec sleep 1000'
    const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] })
    children.push(parent)
    const zombie = String((await once(parent.stdout!, 'data'))[0]).trim()
    const until = async (pid: unknown, part: string) => {
      while (!readFileSync(`/proc/${pid}/stat`, 'utf8').includes(part)) {
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await until(parent.pid, '(sleep)')
    ;(parent.stdio[3] as Writable).end('\n')
    await until(zombie, ') Z ')
    expect(await held(lockOf(`${hostname()} ${zombie} x`))).toBe(false)
  })

  test('is taken where others were killed as they took it, and what they left goes', async () => {
    const path = lockOf(dead('x'))
    for (const [name, id] of [
      ['.x', 'y'],
      ['.x.y', 'z'],
      ['.w', 'v'],
      ['.u.claim', 'u'],
    ]) {
      writeFileSync(path + name, dead(id))
    }
    writeFileSync(`${path}.mine`, 'Dear diary')
    expect(await held(path)).toBe(false)
    expect(left(path)).toEqual(['a.lock.mine'])
  })

  test('that is free has nothing of a process beside it that was killed as it let go', async () => {
    const path = lockOf(dead('x'))
    renameSync(path, `${path}.x`)
    expect(await held(path)).toBe(false)
    expect(left(path)).toEqual([])
  })

  test('is taken by one of several that begin at once', { timeout: 120_000 }, async () => {
    const path = newLock()
    for (let round = 0; round < 5; round++) {
      lockOf(dead(`round-${round}`), path)
      const racers = await Promise.all([1, 2, 3].map(() => childOn(path)))
      const ends = racers.map(async (child) => {
        // One that finds another inside fails, and says nothing more.
        for (const word of ['in', 'still held', 'out']) {
          expect(await Promise.race([said(child), once(child, 'exit')])).toBe(word)
          if (word === 'in') child.send('go')
        }
      })
      for (const child of racers) child.send('go')
      await Promise.all(ends)
    }
    expect(left(path)).toEqual([])
  })
})

describe('an owner of this machine', () => {
  test('that is suspended keeps its lock, however old that is', async () => {
    const path = newLock()
    const holder = await holderOf(path)
    holder.kill('SIGSTOP')
    utimesSync(path, 0, 0)
    await expect(held(path, { refuse: true, timing: SHORT })).rejects.toThrow(LockHeld)
    holder.kill('SIGCONT')
    holder.send('go')
    expect(await said(holder)).toBe('still held')
  })

  test('that is killed loses it at once', async () => {
    const path = newLock()
    const holder = await holderOf(path)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    expect(existsSync(path)).toBe(true)
    expect(await held(path, { refuse: true })).toBe(false)
    expect(existsSync(path)).toBe(false)
  })

  test('in another namespace is known by its signs of life', async (context) => {
    const unshare = ['--pid', '--fork', '--mount-proc']
    if (!isLinux || spawnSync('unshare', [...unshare, 'true']).status !== 0) {
      return context.skip('namespaces need root on Linux')
    }
    const path = newLock()
    const args = [...unshare, process.execPath, join(home, 'child.mjs'), path, `${path}-inside`]
    const child = spawn('unshare', args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    children.push(child)
    expect(await said(child)).toBe('ready')
    child.send('go')
    expect(await said(child)).toBe('in')
    await expect(held(path, { refuse: true })).rejects.toThrow(LockHeld)
    child.send('go')
    expect(await said(child)).toBe('still held')
    expect(await said(child)).toBe('out')
  })
})

describe('an owner that cannot be asked', () => {
  test.each([
    ['of another boot', elsewhere],
    ['of another machine', 'there 1 x'],
    ['that is not named', ''],
  ])('%s loses its lock when it has been silent for long', async (_, line) => {
    const path = lockOf(line)
    utimesSync(path, new Date(), new Date(Date.now() - 1000))
    expect(await held(path, { timing: SHORT })).toBe(true)
    expect(left(path)).toEqual([])
  })

  test('keeps it where it is not silent', async () => {
    const path = lockOf(elsewhere)
    const onWait = () => utimesSync(path, new Date(), new Date(Date.now() + 1000))
    await expect(held(path, { refuse: true, onWait })).rejects.toThrow(LockHeld)
  })

  test('keeps it where its clock is slow, as the times of files are of one clock', async () => {
    const path = lockOf(elsewhere)
    const now = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 1e9)
    const stop = AbortSignal.timeout(300)
    const waiting = held(path, { signal: stop, timing: { heartbeat: 5, silence: 60_000 } })
    await expect(waiting).rejects.toThrow(/abort/i)
    now.mockRestore()
  })

  test('is taken where another one was killed as it took the lock', async () => {
    const path = lockOf(elsewhere)
    const silent = 'there 1 y'
    writeFileSync(`${path}.away`, silent)
    for (const name of [path, `${path}.away`]) utimesSync(name, new Date(), new Date(Date.now() - 1000))
    expect(await held(path, { timing: SHORT })).toBe(true)
    expect(left(path)).toEqual([])
  })
})

describe('who has lost a lock', () => {
  test.each([
    [
      'to another one',
      (path: string) => writeFileSync(path, elsewhere),
      /is another run's by now.+: nothing more/,
    ],
    ['by hand', (path: string) => rmSync(path), /has been removed while this run held it: nothing more/],
  ])('%s is told before it writes, and leaves what is there', async (_, take, message) => {
    const path = newLock()
    await withLock(path, async (lock) => {
      lock.assertHeld()
      take(path)
      expect(() => lock.assertHeld()).toThrow(message)
    })
    expect(left(path)).toEqual(existsSync(path) ? ['a.lock'] : [])
  })

  test('does not keep the successor alive', async () => {
    const path = newLock()
    await withLock(
      path,
      async () => {
        rmSync(path)
        writeFileSync(path, elsewhere)
        utimesSync(path, 0, 0)
        await new Promise((resolve) => setTimeout(resolve, 50))
        expect(readFileSync(path, 'utf8')).toBe(elsewhere)
      },
      { timing: SHORT },
    )
  })
})

describe('without links', () => {
  afterAll(() => {
    links.areThere = true
  })

  test('it is the same', async () => {
    links.areThere = false
    const path = newLock()
    let inside = 0
    const task = async (lock: Lock) => {
      expect(++inside).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      lock.assertHeld()
      inside--
    }
    await Promise.all([1, 2, 3].map(() => withLock(path, task)))
    expect(await held(lockOf(dead('x'), path))).toBe(false)
    expect(left(path)).toEqual([])
  })
})
