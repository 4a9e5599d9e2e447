import { parentPort, workerData } from 'node:worker_threads'

const WORDS_PER_CACHE_LINE = 16

/** Seconds of each pass over this thread's part of `memory`; all threads begin a pass together. */
function readPart({ memory, arrivals, thread, threads, passes }) {
  const words = memory.byteLength / 4 / threads
  const part = new Int32Array(memory, 4 * words * thread, words)
  const counter = new Int32Array(arrivals)
  let sum = 0
  const times = Array.from({ length: passes }, (_, pass) => {
    Atomics.add(counter, 0, 1)
    while (Atomics.load(counter, 0) < threads * (pass + 1));
    const start = performance.now()
    for (let i = 0; i < words; i += WORDS_PER_CACHE_LINE) sum += part[i]
    return (performance.now() - start) / 1e3
  })
  // The check also keeps the compiler from leaving the reads out.
  const expected = (passes * words) / WORDS_PER_CACHE_LINE
  if (sum !== expected) throw new Error(`The words add up to ${sum}, not ${expected}.`)
  return times
}

parentPort.postMessage(readPart(workerData))
