import { fileURLToPath } from 'node:url'

/** The name of the model that comes with the package. */
export const BUILT_IN = 'built-in'

/** Its directory; its draft model, Medusa heads and MTP module lie in directories of it. */
export const BUILT_IN_DIRECTORY = fileURLToPath(new URL('../../built-in', import.meta.url))
