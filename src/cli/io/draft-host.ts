import type { DraftHost } from '../../drafting/drafter.js'
import { openLookupCorpus } from '../../drafting/lookup-corpus.js'
import { tell } from '../../ui/printable.js'
import { transferDisplay } from '../../ui/progress.js'

/** A host that tells on stderr what goes on; the reading of a corpus is shown. */
export function shownHost(
  load: DraftHost['load'],
  signal: AbortSignal,
  missing: DraftHost['missing'],
): DraftHost {
  return {
    load,
    missing,
    notice: tell,
    openCorpus: (files, tokenizer) => {
      const display = transferDisplay(process.stderr, 'Reading')
      return openLookupCorpus(files, {
        tokenizer,
        signal,
        onProgress: display.update,
        onNotice: display.notice,
      }).finally(display.stop)
    },
  }
}
