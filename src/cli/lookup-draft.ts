import { lookupControl } from '../generation/draft-options.js'
import type { DraftContext } from './generate-command.js'
import { openLookupCorpus } from './lookup-corpus.js'

/** Prompt lookup, in other files as well where there are some; its drafts are as long as pays where no setting says. */
export async function lookupDraft(
  { model, costs, isSet }: DraftContext,
  files: readonly string[] | undefined,
  signal: AbortSignal,
) {
  const { tokenizer } = model
  return {
    options: {
      lookupCorpus: files && (await openLookupCorpus(files, { tokenizer, signal })),
      createControl: isSet(['prompt_lookup_num_tokens']) ? undefined : await lookupControl(model, costs),
    },
  }
}
