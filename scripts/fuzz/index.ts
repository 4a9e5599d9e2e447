/**
 * Damages files of every kind that `llm` reads, and runs the commands that read them: none may crash, hang, take memory without
 * end, end without a sentence, or say `Unexpected:`.
 *
 *     npm run build && npx tsx scripts/fuzz [--cases 10000] [--seed 1] [--jobs N] [--kind NAME] [--only NUMBER] [--limit 5]
 *
 * Twice as many jobs as cores wait for the disk in turns. A case follows from the seed, its kind and its number: `--kind NAME --only NUMBER` runs it again, and keeps its files.
 * Exit code 1 where a case failed. `--kind control` has faults in all of its cases, and must find them.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { writeBaseFiles } from './base-files.js'
import { type FuzzKind, KINDS, PLANTED } from './kinds.js'
import type { Case, Ending } from './worker.js'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(Math.min(8, 2 * cpus().length)) },
    kind: { type: 'string' },
    only: { type: 'string' },
    limit: { type: 'string', default: '5' },
  },
})
const seed = Number(values.seed)
const limit = Number(values.limit) * 1000

const home = mkdtempSync(join(tmpdir(), 'llm-fuzz-'))
const base = join(home, 'base')
const environment = {
  PATH: process.env.PATH,
  HOME: home,
  XDG_CACHE_HOME: join(home, 'cache'),
  HF_HUB_OFFLINE: '1',
}

/** A process of cases, replaced where one of them ends it. */
class Worker {
  #child: ChildProcess | undefined
  #stderr = ''

  constructor(private readonly scratch: string) {}

  /** Runs a case; a process that dies or takes too long is the case's fault. */
  async run(next: Case): Promise<Ending> {
    this.#child ??= await this.#start()
    const child = this.#child
    const settled = new Promise<Ending>((resolve) => {
      const fail = (fault: string) => {
        this.#child = undefined
        resolve({ ...next, command: '', fault })
      }
      const timer = setTimeout(() => {
        fail(`no end after ${limit / 1000} s`)
        child.kill('SIGKILL')
      }, limit)
      child.once('message', (ending: Ending) => {
        clearTimeout(timer)
        child.removeAllListeners('exit')
        // A peak hides those that come after it.
        if (ending.fault) this.stop()
        resolve(ending)
      })
      child.once('exit', (code, signal) => {
        clearTimeout(timer)
        fail(`the process ended (${signal ?? code}): ${this.#stderr.slice(-1500)}`)
      })
    })
    child.send({ settings: { base, scratch: this.scratch, seed }, next })
    return settled
  }

  async #start(): Promise<ChildProcess> {
    mkdirSync(this.scratch, { recursive: true })
    const execArgv = ['--import', 'tsx', '--max-old-space-size=2048']
    const child = fork(join(import.meta.dirname, 'worker.ts'), {
      cwd: join(import.meta.dirname, '../..'),
      execArgv,
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#stderr = ''
    child.stderr!.on('data', (chunk) => {
      this.#stderr = (this.#stderr + chunk).slice(-3000)
    })
    await new Promise((resolve, reject) => {
      child.once('message', resolve)
      child.once('exit', () => reject(new Error(`The worker does not start: ${this.#stderr}`)))
    })
    child.removeAllListeners('exit')
    return child
  }

  stop(): void {
    this.#child?.removeAllListeners('exit')
    this.#child?.kill()
    this.#child = undefined
  }
}

/** The files that commands write, made by those commands. */
async function prepare(kinds: readonly FuzzKind[]): Promise<void> {
  writeBaseFiles(base)
  const snapshot = join(base, 'hub/models--a--b/snapshots', '0123456789'.repeat(4))
  mkdirSync(join(base, 'hub/models--a--b/refs'), { recursive: true })
  cpSync(join(base, 'model'), snapshot, { recursive: true })
  rmSync(join(base, 'sharded/model.safetensors'))
  writeFileSync(join(base, 'hub/models--a--b/refs/main'), '0123456789'.repeat(4))
  Object.assign(process.env, environment)
  process.chdir(base)
  const { runCommand } = await import('./worker.js')
  for (const { prepare = [] } of kinds) {
    for (const args of prepare) {
      const { code, output } = await runCommand(args)
      if (code !== 0) throw new Error(`llm ${args.join(' ')} failed: ${output}`)
    }
  }
}

/** The cases of a run, kinds in turns by their weights. */
function* casesOf(kinds: readonly FuzzKind[], count: number): Generator<Case> {
  const turns = kinds.flatMap((kind) => Array.from({ length: kind.weight }, () => kind.name))
  for (let number = 0; number < count; number++) yield { kind: turns[number % turns.length], number }
}

const kinds =
  values.kind === undefined ? KINDS : [...KINDS, PLANTED].filter(({ name }) => name === values.kind)
if (kinds.length === 0)
  throw new Error(`There is no kind ${values.kind}: ${KINDS.map(({ name }) => name).join(', ')}.`)
await prepare(kinds)
const only = values.only === undefined ? undefined : Number(values.only)
const cases =
  only === undefined ? casesOf(kinds, Number(values.cases)) : [{ kind: kinds[0].name, number: only }].values()
const faults: Ending[] = []
const begun = performance.now()
let done = 0
const runners = Array.from({ length: only === undefined ? Number(values.jobs) : 1 }, async (_, i) => {
  const worker = new Worker(join(home, `job-${i}`))
  for (const next of cases) {
    const ending = await worker.run(next)
    done++
    if (ending.fault === undefined) continue
    faults.push(ending)
    process.stdout.write(
      `\n${ending.kind} ${ending.number} · ${ending.command}\n  ${ending.fault.replaceAll('\n', '\n  ')}\n`,
    )
  }
  worker.stop()
})
await Promise.all(runners)
const seconds = (performance.now() - begun) / 1000
if (only === undefined) rmSync(home, { recursive: true, force: true })
else console.log(`The case's files are in ${home}/job-0/case.`)
console.log(
  `${done} cases of ${kinds.length} kinds, seed ${seed}, ${seconds.toFixed(0)} s: ${faults.length} failed.`,
)
process.exitCode = faults.length === 0 ? 0 : 1
