/**
 * Writes models that scripts/oracle/models.py wrote as GGUF files, for gguf_files.py and llama-cpp.mjs: `model.gguf` in each directory, with a
 * tokenizer of its own, of that `again` in HF layout, and of the model itself `same`.
 *
 *     npx tsx scripts/oracle/write-gguf.ts DIRECTORY
 *
 * Prints a line for each model that is refused.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { convertModel } from '../../src/language-model/convert/convert.js'
import { openModel } from '../../src/language-model/open.js'
import { asciiTokenizer } from '../../test/ascii-tokenizer.js'

const root = process.argv[2]
for (const name of readdirSync(root).sort()) {
  const directory = join(root, name)
  const { text_config: text, ...whole } = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'))
  const files = asciiTokenizer(text?.vocab_size ?? whole.vocab_size)
  for (const [file, content] of Object.entries(files))
    writeFileSync(join(directory, file), JSON.stringify(content))
  await write(directory, join(directory, 'same'))
  const path = join(directory, 'model.gguf')
  if (await write(directory, path)) await write(path, join(directory, 'again'))
}

async function write(path: string, output: string): Promise<boolean> {
  const model = await openModel({ path })
  try {
    await convertModel(model, output, { dtype: 'fp32', force: true })
    return true
  } catch (error) {
    console.log(`${output}: ${(error as Error).message}`)
    return false
  } finally {
    await model.store.close()
  }
}
