import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { generate } from '../generation/generate.js'
import { BUILT_IN_DIRECTORY } from '../language-model/built-in.js'
import { loadModel } from '../language-model/load.js'
import type { Check } from './check.js'

const NAME = 'Built-in model'

/** Whether the model that comes with the package loads on the CPU and writes a token. */
export async function builtInCheck(path = BUILT_IN_DIRECTORY): Promise<Check> {
  const isThere = await stat(join(path, 'config.json')).then(
    () => true,
    () => false,
  )
  if (!isThere) {
    const found = `${path} has no model`
    return { name: NAME, state: 'problem', found, advice: 'Install llm again.', details: { path } }
  }
  try {
    const { dtype, seconds } = await writeToken(path)
    const found = `loads as ${dtype} and writes a token in ${seconds.toFixed(2)} s`
    return { name: NAME, state: 'ok', found, details: { path, dtype, seconds } }
  } catch (error) {
    const { message } = error as Error
    const found = 'writes nothing'
    return { name: NAME, state: 'problem', found, advice: message, details: { path, error: message } }
  }
}

async function writeToken(path: string): Promise<{ dtype: string; seconds: number }> {
  const begun = performance.now()
  const model = await loadModel(path, { device: 'cpu' })
  try {
    const settings = { max_new_tokens: 1, do_sample: false }
    await generate(model, 'Once upon a time', settings).result()
    return { dtype: model.dtype, seconds: (performance.now() - begun) / 1000 }
  } finally {
    await model.dispose()
  }
}
