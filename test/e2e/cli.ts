import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { format } from 'node:util'
import { captureOutput } from '@oclif/test'
import { afterAll, afterEach, beforeEach, vi } from 'vitest'
import Batch from '../../src/commands/batch.js'
import Bench from '../../src/commands/bench.js'
import Chat from '../../src/commands/chat.js'
import Compare from '../../src/commands/compare.js'
import Detokenize from '../../src/commands/detokenize.js'
import Doctor from '../../src/commands/doctor.js'
import Eval from '../../src/commands/eval.js'
import Extract from '../../src/commands/extract.js'
import GenerateBeam from '../../src/commands/generate/beam.js'
import GenerateContrastive from '../../src/commands/generate/contrastive.js'
import GenerateDola from '../../src/commands/generate/dola.js'
import GenerateEarlyExit from '../../src/commands/generate/early-exit.js'
import GenerateGreedy from '../../src/commands/generate/greedy.js'
import Generate from '../../src/commands/generate/index.js'
import GenerateLookup from '../../src/commands/generate/lookup.js'
import GenerateMedusa from '../../src/commands/generate/medusa.js'
import GenerateMtp from '../../src/commands/generate/mtp.js'
import GenerateRecycling from '../../src/commands/generate/recycling.js'
import GenerateSample from '../../src/commands/generate/sample.js'
import GenerateSpeculative from '../../src/commands/generate/speculative.js'
import ModelsPull from '../../src/commands/models/pull.js'
import ModelsShow from '../../src/commands/models/show.js'
import SchemaCheck from '../../src/commands/schema/check.js'
import Tokenize from '../../src/commands/tokenize.js'
import TrainBase from '../../src/commands/train/base.js'
import TrainDraft from '../../src/commands/train/draft.js'
import TrainMedusa from '../../src/commands/train/medusa.js'
import TrainMtp from '../../src/commands/train/mtp.js'
import TrainSft from '../../src/commands/train/sft.js'
import TrainTokenizer from '../../src/commands/train/tokenizer.js'
import WatermarkDetect from '../../src/commands/watermark/detect.js'

export const BIN = join(import.meta.dirname, '../../bin/run.js')

/** How a command ended. */
export interface Run {
  /** Null for a process that a signal ended. */
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv
  input?: string | Buffer
}

/** A directory of the calling test file, removed after its tests. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'e2e-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The environment of every run: an empty home, and nothing of the user's settings. */
export function environment(home: string, env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  // Vulkan's loader complains of a missing runtime directory.
  const directories = { HOME: home, XDG_CACHE_HOME: join(home, 'cache'), XDG_RUNTIME_DIR: home }
  return { PATH: process.env.PATH, ...directories, ...env }
}

/** Runs `llm` as a process of its own. */
export class Llm {
  constructor(readonly home: string) {}

  /** Starts it; stdin stays open. */
  start(args: readonly string[], env?: NodeJS.ProcessEnv): ChildProcessWithoutNullStreams {
    return spawn(process.execPath, [BIN, ...args], { env: environment(this.home, env) })
  }

  async run(args: readonly string[], { env, input = '' }: RunOptions = {}): Promise<Run> {
    const child = this.start(args, env)
    // A command that does not read its stdin closes it.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    return ended(child)
  }

  /** Runs a shell command in which `$LLM` is `llm`. */
  async shell(command: string, env?: NodeJS.ProcessEnv): Promise<Run> {
    const variables = { ...environment(this.home, env), LLM: `${process.execPath} ${BIN}` }
    const child = spawn('/bin/bash', ['-c', command], { env: variables })
    child.stdin.end()
    return ended(child)
  }
}

/** Waits for a process; `stdout` is decoded as a whole. */
export async function ended(child: ChildProcessWithoutNullStreams): Promise<Run> {
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk) => stdout.push(chunk))
  child.stderr.on('data', (chunk) => stderr.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}

interface Runnable {
  run(argv: string[], root: string): Promise<unknown>
}

const commands: Readonly<Record<string, Runnable>> = {
  batch: Batch,
  bench: Bench,
  detokenize: Detokenize,
  doctor: Doctor,
  chat: Chat,
  compare: Compare,
  eval: Eval,
  extract: Extract,
  generate: Generate,
  'generate beam': GenerateBeam,
  'generate contrastive': GenerateContrastive,
  'generate dola': GenerateDola,
  'generate early-exit': GenerateEarlyExit,
  'generate greedy': GenerateGreedy,
  'generate lookup': GenerateLookup,
  'generate medusa': GenerateMedusa,
  'generate mtp': GenerateMtp,
  'generate recycling': GenerateRecycling,
  'generate sample': GenerateSample,
  'generate speculative': GenerateSpeculative,
  'models pull': ModelsPull,
  'models show': ModelsShow,
  'schema check': SchemaCheck,
  tokenize: Tokenize,
  'train base': TrainBase,
  'train draft': TrainDraft,
  'train medusa': TrainMedusa,
  'train mtp': TrainMtp,
  'train sft': TrainSft,
  'train tokenizer': TrainTokenizer,
  'watermark detect': WatermarkDetect,
}

/** Runs a command's class in this process, which takes a fraction of the time that a process of its own takes. */
export async function runClass(command: string, args: readonly string[]): Promise<Run> {
  // oclif prints with console.log, which vitest keeps away from the stream that captureOutput listens to.
  const log = vi.spyOn(console, 'log').mockImplementation((...values) => {
    process.stdout.write(`${format(...values)}\n`)
  })
  // The tests' own may be a pipe that nobody writes to.
  const stdin = vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([]) as typeof process.stdin)
  try {
    const { stdout, stderr, error } = await captureOutput(() =>
      commands[command].run([...args], import.meta.url),
    )
    return { code: error ? (error.oclif?.exit ?? 1) : 0, stdout, stderr }
  } finally {
    log.mockRestore()
    stdin.mockRestore()
  }
}

/** Keeps the user's own settings and caches away from the commands that run in this process. */
export function isolateEnvironment(home: string): void {
  beforeEach(() => {
    for (const name of ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE', 'DEBUG']) {
      vi.stubEnv(name, '')
    }
    for (const name of ['HOME', 'HF_HOME']) vi.stubEnv(name, home)
    vi.stubEnv('XDG_CACHE_HOME', join(home, 'cache'))
  })
  afterEach(() => {
    vi.unstubAllEnvs()
  })
}

/** Writes files of numbered names, or of the one that is given, into a directory. */
export function fileWriter(directory: string) {
  let count = 0
  return (content: string | Buffer, name = `file-${++count}`): string => {
    const path = join(directory, name)
    writeFileSync(path, content)
    return path
  }
}

/** Arguments that name a model, and the CPU, of which no notice is given. */
export function on(model: string, ...args: string[]): string[] {
  return ['-m', model, '--device', 'cpu', ...args]
}
