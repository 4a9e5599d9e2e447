import { reencodingNotice } from '../generation/assistant.js'
import { type LanguageModel, type LoadOptions, loadModel, placementOf } from '../language-model/load.js'
import { requireGraph } from '../language-model/own-graph.js'
import { requireDraftOf } from '../language-model/vocabulary.js'
import { draftModel } from '../strategies/drafters/draft-model.js'
import { type DraftSettings, draftOptions } from './draft-options.js'
import type { DraftContext, LoadedDrafter } from './drafter.js'
import { type MeasuredDrafter, throughputControl } from './step-costs.js'

/** Tokens of the longest chains of a draft model, where their length is what pays. */
const MOST_DRAFTED = 20

/**
 * A draft model with chains as long as pays.
 * @throws UserError as `loadModel`, and for a model with other tokens
 */
export async function loadDraft(
  path: string,
  target: LanguageModel,
  settings: DraftSettings,
): Promise<LoadedDrafter> {
  const { threads } = settings
  const draft = await loadModel(path, { dtype: target.dtype, ...placementOf(target), threads })
  requireDraftOf(target, { ...draft, path })
  const drafter = measuredDraft(draft, target.tokenizer.eosTokenIds)
  return { options: await draftOptions(target, drafter, settings), dispose: () => draft.dispose() }
}

/** A model that drafts by HF's settings, or a part of one; where `own.nodes` is given, trees. */
export async function loadAssistant(
  source: string,
  part: Pick<LoadOptions, 'layers' | 'adapter'>,
  { model: target, own, costs, pays, host }: DraftContext,
): Promise<LoadedDrafter> {
  const draft = await host.load(source, part)
  try {
    const treeNodes = own.nodes as number | undefined
    const notice = treeNodes === undefined ? reencodingNotice(draft, target) : undefined
    if (notice) host.notice?.(notice)
    const isControlled = pays && treeNodes === undefined && notice === undefined
    const { path, model, tokenizer } = draft
    return {
      options: {
        assistant: { path, model, tokenizer, treeNodes },
        createControl: isControlled
          ? await throughputControl(target, measuredDraft(draft), costs)
          : undefined,
      },
      dispose: () => draft.dispose(),
    }
  } catch (error) {
    await draft.dispose()
    throw error
  }
}

/** The target's own first layers, by default half of them. */
export async function loadFirstLayers(context: DraftContext): Promise<LoadedDrafter> {
  const { path, adapter } = context.model
  const spec = requireGraph(context.model, 'An early exit needs the first layers')
  const layers = (context.own.layers as number | undefined) ?? Math.max(1, spec.layers.length >> 1)
  const loaded = await loadAssistant(path, { layers, adapter }, context)
  return { ...loaded, defaults: { assistant_early_exit: layers } }
}

function measuredDraft(
  { model, spec, path, dtype }: LanguageModel,
  eosTokenIds?: readonly number[],
): MeasuredDrafter {
  const createDrafter = draftModel({ model, numTokens: MOST_DRAFTED, eosTokenIds })
  return { subject: { draft: spec ?? path, dtype }, createDrafter, most: MOST_DRAFTED }
}
