import { type LanguageModel, type LoadOptions, loadModel } from '../../language-model/load.js'
import { transferDisplay } from '../../ui/progress.js'

/** Loads a model, and shows on stderr how its files are pulled and its weights converted. */
export async function loadShown(source: string, options: LoadOptions): Promise<LanguageModel> {
  const pulling = transferDisplay(process.stderr, 'Pulling')
  const converting = transferDisplay(process.stderr, 'Converting')
  try {
    return await loadModel(source, {
      ...options,
      onPull: pulling.update,
      onBuild: ({ done, total }) => converting.update({ file: 'weights', received: done, total }),
      onNotice: pulling.notice,
    })
  } finally {
    pulling.stop()
    converting.stop()
  }
}
