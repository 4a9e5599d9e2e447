import { locateModel, type OpenModel, openModel } from '../../language-model/load.js'
import { transferDisplay } from '../../ui/progress.js'

/** Where a model's files are, pulled from the hub with a progress bar where need be. */
export async function locateShown(source: string, signal: AbortSignal): Promise<string> {
  const display = transferDisplay()
  return locateModel(source, { signal, onPull: display.update, onNotice: display.notice }).finally(
    display.stop,
  )
}

/** Opens a model's files for `use`, pulled from the hub with a progress bar where need be, and closes them. */
export async function withOpenModel<T>(
  source: string,
  signal: AbortSignal,
  use: (model: OpenModel) => Promise<T>,
): Promise<T> {
  const opened = await openModel(await locateShown(source, signal))
  try {
    return await use(opened)
  } finally {
    await opened.store.close()
  }
}
