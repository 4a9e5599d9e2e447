/**
 * Writes models that scripts/oracle/models.py wrote as GGUF files, for gguf_files.py and llama-cpp.mjs: `model.gguf` in each directory, with a
 * tokenizer of its own.
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
  const model = await openModel({ path: directory })
  try {
    await convertModel(model, join(directory, 'model.gguf'), { dtype: 'fp32', force: true })
  } catch (error) {
    console.log(`${name}: ${(error as Error).message}`)
  } finally {
    await model.store.close()
  }
}
