import { UserError } from '../errors.js'

/** The sentence for scores that no token can be chosen by. */
export function noToken(): UserError {
  return new UserError(
    'No token can follow: every score is -Infinity, or some are not numbers or Infinity. Loosen what forbids or raises tokens, or set remove_invalid_values.',
  )
}
