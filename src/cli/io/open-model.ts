import { locate, type ModelLocation, type OpenModel, openModel } from '../../language-model/load.js'
import type { LocateOptions } from '../../language-model/locate.js'
import { transferDisplay } from '../../ui/progress.js'

type Options = Pick<LocateOptions, 'adapter' | 'signal'>

/** Places of the files of a model and of its adapter, pulled from the hub with a progress bar where need be. */
export async function locateShown(source: string, options: Options): Promise<ModelLocation> {
  const display = transferDisplay()
  return locate(source, { ...options, onPull: display.update, onNotice: display.notice }).finally(
    display.stop,
  )
}

/** Opens a model's files for `use`, pulled from the hub with a progress bar where need be, and closes them. */
export async function withOpenModel<T>(
  source: string,
  options: Options,
  use: (model: OpenModel) => Promise<T>,
): Promise<T> {
  const opened = await openModel(await locateShown(source, options))
  try {
    return await use(opened)
  } finally {
    await opened.store.close()
  }
}
