import { copyFile, cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { unwritable } from '../files.js'

const TOKENIZER_FILES =
  /^(tokenizer.*\.json|special_tokens_map\.json|added_tokens\.json|chat_template\.(jinja|json)|vocab\.json|merges\.txt)$/
const TEMPLATE_DIRECTORY = 'additional_chat_templates'

/** @throws UserError where they cannot be copied */
export async function copyTokenizer(from: string, to: string): Promise<void> {
  try {
    const names = await readdir(from)
    const files = names.filter((name) => TOKENIZER_FILES.test(name))
    await Promise.all(files.map((name) => copyFile(join(from, name), join(to, name))))
    if (names.includes(TEMPLATE_DIRECTORY)) {
      await cp(join(from, TEMPLATE_DIRECTORY), join(to, TEMPLATE_DIRECTORY), { recursive: true })
    }
  } catch (error) {
    throw unwritable(`the tokenizer of ${from} in ${to}`, error)
  }
}
