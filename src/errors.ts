import { printable } from './printable.js'

/**
 * An error that the user caused or can mend. Its message is one sentence that says what is wrong, where,
 * and what to do; commands print it without a stack trace.
 */
export class UserError extends Error {
  override readonly name = 'UserError'

  /** @param exitCode 2 for wrong usage (a flag, a field, a value), 1 for a failure (a file, the network, a device). */
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 1,
    options?: ErrorOptions,
  ) {
    super(shortened(printable(message)), options)
  }
}

/** Characters of a sentence at most. */
const LONGEST = 1500

/** A sentence that quotes a value of any length, without its middle: the place stands first, the remedy last. */
function shortened(message: string): string {
  if (message.length <= LONGEST) return message
  return `${message.slice(0, LONGEST - 400)} … ${message.slice(-300)}`
}

/** A text that a message quotes, without its end where it has more than `most` characters. */
export function excerpt(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most).replace(/[\ud800-\udbff]$/, '')}…` : text
}

/** The device is gone in the middle of the work: nothing more can be run on it. */
export class DeviceLost extends UserError {}

/** Wrong usage: exit code 2. */
export function usageError(message: string, options?: ErrorOptions): UserError {
  return new UserError(message, 2, options)
}
