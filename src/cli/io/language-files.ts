import type { ConfigLayer } from '../../config/index.js'
import { FIELDS_OF_FILES, withLanguageFiles } from '../../config/language-files.js'
import { MOST_SETTINGS, STDIO } from '../../files.js'
import { configFromFlags } from '../flags/config.js'
import { readStdin } from './stdin.js'

/**
 * The settings that flags are, with the text of files that they name, or of stdin for `-`.
 * @throws UserError as `withLanguageFiles` and `readStdin`
 */
export async function layerOfFlags(flags: Readonly<Record<string, unknown>>): Promise<ConfigLayer> {
  const values = configFromFlags(flags)
  for (const field of FIELDS_OF_FILES) {
    if (values[field] === STDIO) values[field] = await readStdin(`--${field}`, MOST_SETTINGS)
  }
  return { values: await withLanguageFiles(values, (field) => `--${field}`), origin: 'the flags' }
}
