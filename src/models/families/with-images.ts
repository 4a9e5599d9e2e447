import { UserError } from '../../errors.js'
import { isJsonObject } from '../../json.js'
import type { Fields } from '../config-reader.js'
import type { StoredLayout } from '../layout.js'

/**
 * Models that see, of which the text model is served: `model_type` of the whole, and of what its `text_config` is where that names
 * none.
 */
const TEXT_MODELS: Readonly<Record<string, string>> = {
  gemma3: 'gemma3_text',
  lfm2_vl: 'lfm2',
  mistral3: 'mistral',
}

/** Whether a config.json is of a model with images, whose text model's fields are in `text_config`. */
export function isWithImages({ model_type: type }: Fields): boolean {
  return typeof type === 'string' && Object.hasOwn(TEXT_MODELS, type)
}

/**
 * The text model's config.json; whether its embeddings are tied is the whole model's to say, and its special tokens are where it has
 * some.
 * @throws UserError where there is none
 */
export function textModelFields(values: Fields, origin: string): Fields {
  const { text_config: text, tie_word_embeddings: tied } = values
  if (!isJsonObject(text)) {
    throw new UserError(`${origin} has no text_config, which describes the text model: add it.`)
  }
  const ids = ['bos_token_id', 'eos_token_id', 'pad_token_id'].map((name) => [
    name,
    values[name] ?? text[name],
  ])
  return {
    model_type: TEXT_MODELS[values.model_type as string],
    ...text,
    ...Object.fromEntries(ids),
    tie_word_embeddings: tied ?? true,
    // LFM2's name of it.
    tie_embedding: values.tie_embedding,
  }
}

/** Its tensors, by the names of transformers 5 and of 4, without what sees. */
export const TEXT_MODEL_LAYOUT: Pick<StoredLayout, 'prefixes' | 'ignored'> = {
  prefixes: {
    'model.language_model.': 'model.',
    'language_model.model.': 'model.',
    'language_model.lm_head.': 'lm_head.',
  },
  ignored: /^(model\.)?(vision_tower|multi_modal_projector)\./,
}
