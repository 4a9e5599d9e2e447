import { usageError } from '../../errors.js'
import { type Assistant, reencodingNotice } from '../../generation/assistant.js'
import type { LanguageModel } from '../../language-model/load.js'
import { tell } from '../../ui/printable.js'
import { loadOptions } from '../flags/model.js'
import { loadShown } from '../io/load-shown.js'

export interface AssistantSettings extends Pick<Assistant, 'treeNodes'> {
  /** Of this model's own, which draft in place of another model. */
  readonly layers?: number
  readonly signal: AbortSignal
}

/** The model that drafts for `target`: another one, or its first layers. */
export async function loadAssistant(
  flags: Parameters<typeof loadOptions>[0] & { model: string; 'assistant-model'?: string },
  target: LanguageModel,
  { layers, treeNodes, signal }: AssistantSettings,
): Promise<(Assistant & LanguageModel) | undefined> {
  const source = flags['assistant-model']
  if (source === undefined && layers === undefined) return undefined
  if (source !== undefined && layers !== undefined) {
    throw usageError('--assistant-model and assistant_early_exit both draft: leave one of them out.')
  }
  const assistant = await loadShown(source ?? flags.model, {
    ...loadOptions(flags),
    exact: false,
    layers,
    signal,
  })
  const notice = treeNodes === undefined && reencodingNotice(assistant, target)
  if (notice) tell(notice)
  return { ...assistant, treeNodes }
}
