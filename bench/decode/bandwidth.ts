import { Worker } from 'node:worker_threads'
import { median } from '../common.js'

const BYTES = 512 * 2 ** 20
const PASSES = 12

/**
 * What the machine's memory gives to readers on so many threads, GB/s: the median over passes of summing one word
 * of each cache line, each thread in its own part of a buffer that no cache holds.
 */
export async function readBandwidth(threads: number): Promise<number> {
  const memory = new SharedArrayBuffer(BYTES)
  new Int32Array(memory).fill(1)
  const arrivals = new SharedArrayBuffer(4)
  const readers = Array.from({ length: threads }, (_, thread) => {
    // JavaScript, since a worker does not inherit the loader of TypeScript.
    const workerData = { memory, arrivals, thread, threads, passes: PASSES }
    const worker = new Worker(new URL('./bandwidth-reader.mjs', import.meta.url), { workerData })
    return new Promise<number[]>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  })
  const times = await Promise.all(readers)
  const slowest = Array.from({ length: PASSES }, (_, pass) => Math.max(...times.map((own) => own[pass])))
  return BYTES / 1e9 / median(slowest)
}
