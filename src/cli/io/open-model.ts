import { type LoadOptions, locate, type OpenModel, openModel } from '../../language-model/load.js'
import { transferDisplay } from '../../ui/progress.js'

/** Opens a model's files for `use`, pulled from the hub with a progress bar where need be, and closes them. */
export async function withOpenModel<T>(
  source: string,
  options: Pick<LoadOptions, 'adapter' | 'signal'>,
  use: (model: OpenModel) => Promise<T>,
): Promise<T> {
  const display = transferDisplay()
  const location = await locate(source, {
    ...options,
    onPull: display.update,
    onNotice: display.notice,
  }).finally(display.stop)
  const opened = await openModel(location)
  try {
    return await use(opened)
  } finally {
    await opened.store.close()
  }
}
