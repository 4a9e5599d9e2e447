import { freemem } from 'node:os'
import { Worker } from 'node:worker_threads'
import { median } from '../median.js'

/** More than caches hold; less where memory is scarce. */
const BYTES = 512 * 2 ** 20
const PASSES = 12

/** Seconds of each pass over a thread's part of the memory; all threads begin a pass together. */
const READER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { memory, arrivals, thread, threads, passes } = workerData
  const WORDS_PER_CACHE_LINE = 16
  const words = Math.floor(memory.byteLength / 4 / threads / WORDS_PER_CACHE_LINE) * WORDS_PER_CACHE_LINE
  const part = new Int32Array(memory, 4 * words * thread, words)
  const counter = new Int32Array(arrivals)
  let sum = 0
  const times = []
  for (let pass = 0; pass < passes; pass++) {
    Atomics.add(counter, 0, 1)
    while (Atomics.load(counter, 0) < threads * (pass + 1));
    const start = performance.now()
    for (let i = 0; i < words; i += WORDS_PER_CACHE_LINE) sum += part[i]
    times.push((performance.now() - start) / 1e3)
  }
  // The check also keeps the compiler from leaving the reads out.
  const expected = (passes * words) / WORDS_PER_CACHE_LINE
  if (sum !== expected) throw new Error('The words add up to ' + sum + ', not ' + expected + '.')
  parentPort.postMessage(times)
`

/**
 * What the machine's memory gives to readers on so many threads, bytes per second: the median over passes of summing one word
 * of each cache line, each thread in its own part of a buffer that no cache holds.
 */
export async function readBandwidth(threads: number): Promise<number> {
  const bytes = Math.floor(Math.min(BYTES, freemem() / 4) / 2 ** 20) * 2 ** 20
  const memory = new SharedArrayBuffer(bytes)
  new Int32Array(memory).fill(1)
  const arrivals = new SharedArrayBuffer(4)
  const readers = Array.from({ length: threads }, (_, thread) => {
    // As text, since a worker does not inherit the loader of TypeScript.
    const workerData = { memory, arrivals, thread, threads, passes: PASSES }
    const worker = new Worker(READER, { eval: true, workerData })
    return new Promise<number[]>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  })
  const times = await Promise.all(readers)
  const slowest = Array.from({ length: PASSES }, (_, pass) => Math.max(...times.map((own) => own[pass])))
  return bytes / median(slowest)
}
