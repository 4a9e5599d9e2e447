import type { ConfigLayer, GenerationField, ResolvedConfig } from '../../config/index.js'
import { usageError } from '../../errors.js'
import { tell } from '../../ui/printable.js'

/** The origin of settings that a command makes itself. */
export const THIS_COMMAND = 'this command'

/**
 * @param name of what fixes the settings, for messages
 * @throws UserError, exit code 2, where the user's settings contradict those that a strategy consists in
 */
export function refuseContradicting(
  fixed: Readonly<Record<string, unknown>>,
  layers: readonly ConfigLayer[],
  name: string,
): void {
  for (const [field, value] of Object.entries(fixed)) {
    const contradicting = layers.find(({ values }) => (values[field] ?? value) !== value)
    if (!contradicting) continue
    const { values, origin } = contradicting
    throw usageError(`${field} is ${values[field]} in ${origin}, but ${name} sets it to ${value}.`)
  }
}

/** Whether the user or the model's author has set one of the fields. */
export function isSet(fields: readonly GenerationField[], layers: readonly ConfigLayer[]): boolean {
  return layers
    .filter(({ origin }) => origin !== THIS_COMMAND)
    .some(({ values }) => fields.some((field) => values[field] !== undefined))
}

/** Tells what was noticed in settings. */
export function noticed<Settings extends Pick<ResolvedConfig, 'notices'>>(settings: Settings): Settings {
  for (const notice of settings.notices) tell(notice)
  return settings
}
