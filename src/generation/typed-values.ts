import type { ConfigLayer } from '../config/index.js'
import type { TextLanguage } from '../config/languages.js'
import { isHeld, LANGUAGE_FIELDS } from '../config/structured.js'
import { usageError } from '../errors.js'
import type { GeneratedSequence } from './sequence.js'

const ORIGIN = 'the constraint'

/**
 * Settings with the language that an option names.
 * @throws UserError, exit code 2, for settings that name one, too
 */
export function withConstraint(
  layers: readonly ConfigLayer[],
  constraint: TextLanguage<unknown> | undefined,
): readonly ConfigLayer[] {
  if (!constraint) return layers
  const other = layers.find(({ values }) => isHeld(values))
  if (!other) return [...layers, { values: constraint.settings, origin: ORIGIN }]
  const field = LANGUAGE_FIELDS.find((name) => isHeld({ [name]: other.values[name] }))
  throw usageError(
    `${field} in ${other.origin} and options.constraint both name a language: leave one of them out.`,
  )
}

/** @throws UserError, exit code 2, for a constraint that settings were resolved without */
export function requireConstrained(
  layers: readonly ConfigLayer[],
  constraint: TextLanguage<unknown> | undefined,
): void {
  if (!constraint || layers.some(({ values }) => values === constraint.settings)) return
  throw usageError(
    'options.constraint comes after the settings were resolved: give constraint.settings to them, or call generate().',
  )
}

/** Sequences whose values are as the type of a constraint has them; none where they do not fit, of which the caller is told. */
export function typedValues(
  sequences: readonly GeneratedSequence[],
  constraint: TextLanguage<unknown> | undefined,
  onWarning: ((message: string) => void) | undefined,
): Promise<readonly GeneratedSequence[]> {
  return Promise.all(
    sequences.map(async (sequence) => {
      if (!constraint?.parse || !('value' in sequence)) return sequence
      const { value, ...untyped } = sequence
      const made = await constraint.parse(value)
      if ('value' in made) return { ...untyped, value: made.value }
      onWarning?.(`The text follows its JSON schema, but the zod type refuses the value: ${made.fault}.`)
      return { ...untyped, fault: made.fault }
    }),
  )
}
