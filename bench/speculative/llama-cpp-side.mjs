/**
 * llama.cpp's side of bench/speculative.ts, by node-llama-cpp: node llama-cpp-side.mjs PACKAGE GGUF THREADS [DRAFT-GGUF]
 *
 * PACKAGE is the directory of node-llama-cpp. Says what it is in a line of JSON, and then answers each task `{prompt, tokens, predictor}`, a
 * line on stdin, with one on stdout: `{seconds, passes}` of greedy decoding of so many tokens after the first: plainly, with its
 * InputLookupTokenPredictor (`{kind: 'lookup', most}`), or with its DraftSequenceTokenPredictor at its defaults (`{kind: 'draft'}`). An end
 * of text does not end it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [directory, path, threads, draftPath] = process.argv.slice(2)
const { exports, main, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
const entry = join(directory, exports?.['.']?.node?.import ?? exports?.['.']?.import ?? main)
const { DraftSequenceTokenPredictor, getLlama, InputLookupTokenPredictor, LlamaLogLevel } = await import(
  pathToFileURL(entry).href
)

const llama = await getLlama({
  gpu: false,
  build: 'never',
  maxThreads: Number(threads),
  logLevel: LlamaLogLevel.error,
})
const model = await llama.loadModel({ modelPath: path })
const draftModel = draftPath === undefined ? undefined : await llama.loadModel({ modelPath: draftPath })

async function decode({ prompt, tokens, predictor }) {
  const shape = { contextSize: prompt.length + tokens + 64, threads: Number(threads) }
  const context = await model.createContext(shape)
  const draftContext = predictor?.kind === 'draft' ? await draftModel.createContext(shape) : undefined
  const tokenPredictor = draftContext
    ? new DraftSequenceTokenPredictor(draftContext.getSequence())
    : predictor && new InputLookupTokenPredictor({ predictionLength: { max: predictor.most } })
  const sequence = context.getSequence({ tokenPredictor })
  // Only its chat session does that by itself.
  tokenPredictor?.updateInputTokens(prompt)
  let count = 0
  let begun = 0
  for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    if (count === 0) begun = performance.now()
    if (++count === tokens) break
  }
  const seconds = (performance.now() - begun) / 1e3
  const { validated } = sequence.tokenPredictions
  await context.dispose()
  await draftContext?.dispose()
  return { seconds, passes: tokens - validated }
}

console.log(
  JSON.stringify({ description: `node-llama-cpp ${version}, llama.cpp ${llama.llamaCppRelease.release}` }),
)
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await decode(JSON.parse(line))))
}
process.exit()
