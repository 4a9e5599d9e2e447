import { createRequire } from 'node:module'
import { join } from 'node:path'

/** The name of the model that comes with the package. */
export const BUILT_IN = 'built-in'

/** Its directory; its draft model, Medusa heads and MTP module lie in directories of it. */
export const BUILT_IN_DIRECTORY = join(createRequire(import.meta.url).resolve('#package.json'), '../built-in')
