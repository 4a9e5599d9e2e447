import { lookupControl } from '../../drafting/draft-options.js'
import { type LookupCorpusOptions, openLookupCorpus } from '../../drafting/lookup-corpus.js'
import { transferDisplay } from '../../ui/progress.js'
import type { DraftContext } from './command.js'

/** Prompt lookup, in other files as well where there are some; its drafts are as long as pays where no setting says. */
export async function lookupDraft(
  { model, costs, isSet }: DraftContext,
  files: readonly string[] | undefined,
  signal: AbortSignal,
) {
  const { tokenizer } = model
  return {
    options: {
      lookupCorpus: files && (await openShown(files, { tokenizer, signal })),
      createControl: isSet(['prompt_lookup_num_tokens']) ? undefined : await lookupControl(model, costs),
    },
  }
}

/** The reading is shown on stderr. */
function openShown(files: readonly string[], options: LookupCorpusOptions) {
  const display = transferDisplay(process.stderr, 'Reading')
  return openLookupCorpus(files, {
    ...options,
    onProgress: display.update,
    onNotice: display.notice,
  }).finally(display.stop)
}
