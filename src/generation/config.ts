export { lengthLimit } from './config/length.js'
export { nearest } from './config/nearest.js'
export { parseValue } from './config/parse.js'
export {
  type ConfigLayer,
  checkLayers,
  type ResolvedConfig,
  resolveGenerationConfig,
} from './config/resolve.js'
export { isServed, withoutBookkeeping } from './config/rules.js'
export {
  type FieldKind,
  type FieldMeta,
  fieldMeta,
  fieldsOf,
  type GenerationConfig,
  type GenerationField,
  generationConfigSchema,
} from './config/schema.js'
