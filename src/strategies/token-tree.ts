import type { TokenTree } from './types.js'

/** A draft of no tokens. */
export const NOTHING: TokenTree = { tokens: [], parents: [] }
