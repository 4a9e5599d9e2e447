import { UserError } from '../errors.js'

/** Thrown for a grammar that asks for more than the limits on states, steps, nesting or size allow; the message names limit and place. */
export class GrammarLimitError extends UserError {}
