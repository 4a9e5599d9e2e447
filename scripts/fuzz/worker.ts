/** Runs cases one after the other in this process, as commands of `dist`, and tells its parent how each ended. */
import {
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { format } from 'node:util'
import { Config } from '@oclif/core'
import { createRandom, forkSeed } from '../../src/random.js'
import { KINDS, PLANTED } from './kinds.js'
import { pick } from './rng.js'

const ROOT = join(import.meta.dirname, '../..')

export interface Case {
  readonly kind: string
  /** With the run's seed it says all of the case. */
  readonly number: number
}

export interface Ending extends Case {
  /** What was wrong, undefined for a case that ended as it should. */
  readonly fault?: string
  readonly command: string
}

export interface WorkerSettings {
  readonly base: string
  readonly scratch: string
  readonly seed: number
}

const config = await Config.load(ROOT)

/** Runs a command in this process. @returns its exit code and what it wrote */
export async function runCommand(args: readonly string[]): Promise<{ code: number; output: string }> {
  const [argv, input = ''] = args.includes('<') ? [args.slice(0, args.indexOf('<')), args.at(-1)] : [args, '']
  if (argv[0] === 'control') return control(argv[1])
  const id = [argv.slice(0, 2).join(':'), argv[0]].find((name) => config.findCommand(name))!
  const command = await config.findCommand(id, { must: true }).load()
  const written: string[] = []
  const streams = [process.stdout, process.stderr].map((stream) => ({ stream, write: stream.write }))
  const log = console.log
  console.log = (...values) => void written.push(`${format(...values)}\n`)
  for (const { stream } of streams) {
    stream.write = ((chunk: unknown, ...rest: unknown[]) => {
      written.push(String(chunk))
      const done = rest.find((argument) => typeof argument === 'function') as (() => void) | undefined
      if (done) queueMicrotask(done)
      return true
    }) as typeof stream.write
  }
  Object.defineProperty(process, 'stdin', { value: Readable.from([Buffer.from(input)]), configurable: true })
  try {
    await command.run(argv.slice(id.split(':').length), config)
    return { code: Number(process.exitCode ?? 0), output: written.join('') }
  } catch (error) {
    const { oclif, stack } = error as Error & { oclif?: { exit?: number } }
    // Whatever is not an exit has left the command as it was thrown.
    if (oclif?.exit === undefined) written.push(`Unexpected: ${stack}`)
    return { code: oclif?.exit ?? 1, output: written.join('') }
  } finally {
    for (const { stream, write } of streams) stream.write = write
    console.log = log
    process.exitCode = undefined
  }
}

/** What the fuzzer must find: that it does is how it is known to find anything. */
function control(fault: string): { code: number; output: string } {
  while (fault === 'hang') Math.random()
  if (fault === 'abort') process.abort()
  if (fault === 'memory') return { code: 0, output: String(Buffer.alloc(2 ** 30, 1).length) }
  if (fault === 'throw') return { code: 1, output: 'Error: Unexpected: Cannot read properties of undefined.' }
  if (fault === 'escape') return { code: 1, output: 'Error: The name \u001b[2J is not known.' }
  return { code: 1, output: '' }
}

/** A control character that a terminal would act on; of those between letters and the line's end none is one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are looked for.
const CONTROL_CHARACTER = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/

async function runCase(
  { kind: name, number }: Case,
  { base, scratch, seed }: WorkerSettings,
): Promise<Ending> {
  const kind = [...KINDS, PLANTED].find((each) => each.name === name)!
  const random = createRandom(forkSeed(seed, number + 1))
  const directory = join(scratch, 'case')
  rmSync(directory, { recursive: true, force: true })
  for (const file of kind.files) link(join(base, file), join(directory, file))
  const target = pick(random, Object.keys(kind.targets))
  const command = pick(random, kind.commands)
  const path = join(directory, target)
  const content = readFileSync(path)
  rmSync(path)
  writeFileSync(path, kind.targets[target](content, random))
  process.chdir(directory)
  process.env.HF_HUB_CACHE = join(directory, 'hub')
  const { code, output } = await runCommand(command)
  const shown = `${target} · llm ${command.join(' ')}`
  return { kind: name, number, command: shown, fault: faultOf(code, output) }
}

function faultOf(code: number, output: string): string | undefined {
  if (/Unexpected: |\n\s+at .*:\d+:\d+/.test(output)) return output.slice(-1000)
  if (![0, 1, 2].includes(code)) return `exit ${code}: ${output.slice(-1000)}`
  if (code !== 0 && !/Error: |"error"|failed/.test(output))
    return `exit ${code} without a sentence: ${output.slice(-500)}`
  const sentence = output.split('\n').find((line) => line.startsWith('Error: '))
  if (sentence && CONTROL_CHARACTER.test(sentence)) return `a control character: ${JSON.stringify(sentence)}`
  if (sentence && sentence.length > 2000) return `a sentence of ${sentence.length} characters`
  return undefined
}

/** Files of one disk, which a case replaces and never changes. */
function link(from: string, to: string): void {
  if (!statSync(from).isDirectory()) {
    mkdirSync(dirname(to), { recursive: true })
    // A run appends to its own outputs.
    if (/\.jsonl$/.test(from)) cpSync(from, to)
    else linkSync(from, to)
    return
  }
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) link(join(from, name), join(to, name))
}

if (process.send) {
  process.on('message', async (message: { settings: WorkerSettings; next: Case }) => {
    const before = process.resourceUsage().maxRSS
    const ending = await runCase(message.next, message.settings)
    const grown = (process.resourceUsage().maxRSS - before) / 1024
    process.send!({
      ...ending,
      fault: ending.fault ?? (grown > 600 ? `its memory grew by ${Math.round(grown)} MB` : undefined),
    })
  })
  process.send({ ready: true })
}
