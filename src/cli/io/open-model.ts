import { locateModel, type OpenModel, openModel } from '../../language-model/load.js'
import { transferDisplay } from '../../ui/progress.js'

/** Opens a model's files for `use`, pulled from the hub with a progress bar where need be, and closes them. */
export async function withOpenModel<T>(
  source: string,
  signal: AbortSignal,
  use: (model: OpenModel) => Promise<T>,
): Promise<T> {
  const display = transferDisplay()
  const path = await locateModel(source, {
    signal,
    onPull: display.update,
    onNotice: display.notice,
  }).finally(display.stop)
  const opened = await openModel(path)
  try {
    return await use(opened)
  } finally {
    await opened.store.close()
  }
}
