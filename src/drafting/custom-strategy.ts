import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { OPEN_MODES } from '../config/mode.js'
import { UserError, usageError } from '../errors.js'
import type { GenerateOptions } from '../generation/options.js'
import type { StrategyRow } from './table.js'

/** What a user's own module decodes with. */
export type CustomStrategy = Pick<GenerateOptions, 'strategy' | 'createDrafter'>

/**
 * Imports a JavaScript module that exports `strategy` (a `Strategy` or a `Search`) or `createDrafter`.
 * @throws UserError where there is none, where it fails, or where it exports neither or both
 */
export async function loadStrategy(path: string): Promise<CustomStrategy> {
  const file = resolve(path)
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile())
    throw usageError(`There is no strategy at ${path}: give the path of a JavaScript module.`)
  const { strategy, createDrafter } = await importModule(file, path)
  if ((strategy === undefined) === (createDrafter === undefined)) {
    const found = strategy === undefined ? 'neither' : 'both'
    throw usageError(`${path} exports ${found} of strategy and createDrafter: export one of them.`)
  }
  const isSearch = typeof (strategy as { search?: unknown } | undefined)?.search === 'function'
  if (typeof (strategy ?? createDrafter) !== 'function' && !isSearch) {
    const name = strategy === undefined ? 'createDrafter' : 'strategy'
    throw usageError(`${name} of ${path} is no function: see docs/strategies/custom.md.`)
  }
  return { strategy, createDrafter } as CustomStrategy
}

async function importModule(file: string, path: string): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(file).href)
  } catch (error) {
    const [reason] = String((error as Error).message ?? error).split('\n')
    throw new UserError(`The strategy ${path} cannot be imported: ${reason}`, 1, { cause: error })
  }
}

/** A module of the user's as a strategy, whose file is its own field. */
export const CUSTOM: StrategyRow = {
  summary: 'a JavaScript module',
  fixed: { num_beams: 1 },
  modes: OPEN_MODES,
  own: { file: { kind: 'string' } },
  drafts: {
    load: async ({ own }) => ({ options: await loadStrategy(String(own.file)), dispose: async () => {} }),
  },
}
