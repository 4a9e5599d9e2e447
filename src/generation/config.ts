export { lengthLimit } from './config/length.js'
export { parseValue } from './config/parse.js'
export {
  type ConfigLayer,
  checkLayers,
  editDistance,
  type ResolvedConfig,
  resolveGenerationConfig,
} from './config/resolve.js'
export { isServed } from './config/rules.js'
export {
  type FieldKind,
  type FieldMeta,
  fieldMeta,
  fieldsOf,
  type GenerationConfig,
  type GenerationField,
  generationConfigSchema,
} from './config/schema.js'
