export type { ConfigLayer } from './layers.js'
export { lengthLimit } from './length.js'
export { parseValue } from './parse.js'
export { checkLayers, type ResolvedConfig, resolveGenerationConfig } from './resolve.js'
export { isServed, TOKENS_IN_WORDS, withoutBookkeeping } from './rules.js'
export { sequenceCount } from './samples.js'
export {
  type FieldKind,
  type FieldMeta,
  fieldMeta,
  fieldsOf,
  type GenerationConfig,
  type GenerationField,
  generationConfigSchema,
} from './schema.js'
