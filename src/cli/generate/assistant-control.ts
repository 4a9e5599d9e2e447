import { draftControl } from '../../drafting/auto.js'
import { ASSISTANT_FIELDS, reencodingNotice } from '../../generation/assistant.js'
import type { DraftContext } from './command.js'

/**
 * The control of an assistant's drafts where no setting says how it drafts, and it drafts chains of the model's own tokens. Not for drawn drafts: their lengths would
 * change what is drawn, so that the text would depend on the machine's speed.
 */
export async function assistantControl({ model, assistant, config, costs, isSet }: DraftContext) {
  if (!assistant || assistant.treeNodes !== undefined) return undefined
  if (config.do_sample || isSet(ASSISTANT_FIELDS)) return undefined
  if (reencodingNotice(assistant, model) !== undefined) return undefined
  const createControl = await draftControl(model, assistant, config.num_assistant_tokens, costs)
  return { options: { createControl } }
}
