import { ASSISTANT_FIELDS } from '../generation/assisted.js'
import { passCost, throughputControl } from '../generation/step-costs.js'
import type { DraftContext } from './generate-command.js'

/**
 * The control of an assistant's drafts where no setting says how it drafts, and chains are drafted. Not for drawn drafts: their lengths would
 * change what is drawn, so that the text would depend on the machine's speed.
 */
export async function assistantControl({ model, assistant, config, costs, isSet }: DraftContext) {
  if (!assistant || assistant.treeNodes !== undefined) return undefined
  if (config.do_sample || isSet(ASSISTANT_FIELDS)) return undefined
  const pass = await passCost(assistant, costs)
  const draft = { most: config.num_assistant_tokens, cost: (nodes: number) => nodes * pass(1) }
  return { options: { createControl: await throughputControl(model, draft, costs) } }
}
