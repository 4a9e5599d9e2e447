import { requireAmateurOf } from '../../generation/amateur.js'
import type { LanguageModel, LoadOptions } from '../../language-model/load.js'
import { loadOptions } from '../flags/model.js'
import { loadShown } from './load-shown.js'

type AmateurFlags = Parameters<typeof loadOptions>[0] & { readonly 'amateur-model'?: string }

/**
 * The model of --amateur-model, loaded as its expert is; undefined without the flag.
 * @throws UserError as `loadModel`, and for a model with other tokens
 */
export async function loadAmateur(
  { 'amateur-model': source, ...flags }: AmateurFlags,
  expert: LanguageModel,
  signal: AbortSignal,
  own: LoadOptions = {},
): Promise<LanguageModel | undefined> {
  if (source === undefined) return undefined
  const amateur = await loadShown(source, { ...loadOptions(flags), ...own, signal })
  try {
    requireAmateurOf(expert, amateur)
    return amateur
  } catch (error) {
    await amateur.dispose()
    throw error
  }
}
