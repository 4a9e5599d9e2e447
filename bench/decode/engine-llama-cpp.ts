import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Engine, type Setup, Stopwatch } from './engine.js'

/** What is used of node-llama-cpp, which is no dependency of this project. */
interface Library {
  getLlama(options: object): Promise<{ loadModel(options: { modelPath: string }): Promise<LlamaModel> }>
}
interface LlamaModel {
  createContext(options: object): Promise<{ getSequence(): Sequence }>
}
interface Sequence {
  clearHistory(): Promise<void>
  evaluate(tokens: number[], options: object): AsyncIterable<number>
}

/** Its version, or undefined where it is not installed under `peers`. */
export async function llamaCppVersion(peers: string): Promise<string | undefined> {
  const path = join(packageDirectory(peers), 'package.json')
  return existsSync(path) ? JSON.parse(await readFile(path, 'utf8')).version : undefined
}

/** The process needs `UV_THREADPOOL_SIZE=1`: with more, its workers and libuv's fight for the cores. */
export async function load({ models, peers, variant, threads, length }: Setup): Promise<Engine> {
  const entry = join(packageDirectory(peers), 'dist', 'index.js')
  const library: Library = await import(pathToFileURL(entry).href)
  const llama = await library.getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' })
  const model = await llama.loadModel({ modelPath: join(models, 'gguf', `${variant}.gguf`) })
  const context = await model.createContext({ contextSize: length, batchSize: 512, threads })
  const sequence = context.getSequence()
  return {
    async generate(prompt, count) {
      await sequence.clearHistory()
      const watch = new Stopwatch()
      for await (const _ of sequence.evaluate([...prompt], { temperature: 0, yieldEogToken: true })) {
        watch.lap()
        if (watch.times.length === count) break
      }
      return watch.times
    },
  }
}

function packageDirectory(peers: string): string {
  return join(peers, 'node_modules', 'node-llama-cpp')
}
