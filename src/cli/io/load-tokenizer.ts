import { locateModel } from '../../language-model/locate.js'
import { loadTokenizerOf } from '../../language-model/tokenizer.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'
import { transferDisplay } from '../../ui/progress.js'

/** A model's tokenizer, pulled from the hub with a progress bar where need be. */
export async function loadTokenizerShown(source: string, signal: AbortSignal): Promise<Tokenizer> {
  const display = transferDisplay()
  const options = { signal, onPull: display.update, onNotice: display.notice }
  return loadTokenizerOf(await locateModel(source, options).finally(display.stop))
}
