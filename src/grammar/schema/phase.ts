import type { Frame } from './frames.js'
import { Position } from './layout.js'
import type { MemoryId } from './memory.js'

/** The place in the text: after a token (the numbers of `Position`), inside one, or at the end. */
export const Phase = { ...Position, IN_KEY: 6, IN_SCALAR: 7, END: 8 } as const

/** A state in words. */
export interface Situation {
  readonly phase: number
  readonly frame: Frame
  /** After a token: characters of whitespace so far. In a key: its state. In a scalar: its lexeme. */
  readonly detail: number
  readonly memory: MemoryId
}
