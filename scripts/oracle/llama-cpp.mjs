/**
 * Decodes greedily with llama.cpp what write-gguf.ts wrote, and compares the ids with those that HF transformers gives, as far as they
 * are one text: from a near-tie on they may differ. Copy it where the npm package node-llama-cpp is installed:
 *
 *     node llama-cpp.mjs DIRECTORY [NAME ...]
 *
 * Prints a line for each model that differs or is not loaded, and how many there were. Ends with 1 where one is.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const [root, ...names] = process.argv.slice(2)
const llama = await getLlama({
  gpu: false,
  build: 'never',
  // Threads that wait for each other take for ever where cores are shared.
  maxThreads: 1,
  logLevel: LlamaLogLevel.disabled,
})
let failed = 0
let count = 0
for (const name of names.length > 0 ? names : readdirSync(root).sort()) {
  const modelPath = join(root, name, 'model.gguf')
  if (!existsSync(modelPath)) continue
  count++
  const { prompt, ids } = JSON.parse(readFileSync(join(root, name, 'expected.json'), 'utf8'))
  try {
    const model = await llama.loadModel({ modelPath })
    const context = await model.createContext({
      contextSize: prompt.length + ids.length + 1,
      flashAttention: false,
      threads: 1,
    })
    const own = []
    for await (const token of context
      .getSequence()
      .evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
      own.push(token)
      if (own.length === ids.length) break
    }
    await context.dispose()
    await model.dispose()
    if (String(own) === String(ids)) continue
    console.log(`${name}: ${own}, not ${ids}`)
  } catch (error) {
    console.log(`${name}: ${error.message}`)
  }
  failed++
}
console.log(`${count} models, ${failed} of which differ`)
process.exit(failed > 0 ? 1 : 0)
