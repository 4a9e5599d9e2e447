import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '../errors.js'
import { isMissing, unreadable } from '../files.js'

/**
 * Looks for the files that hold a graph's weights beside it (ONNX's external data).
 * @param path of the graph
 * @param files bytes that each of them has to have, by its name beside the graph
 * @throws UserError for one that is missing, shorter, or not beside the graph
 */
export async function requireExternalData(path: string, files: ReadonlyMap<string, number>): Promise<void> {
  for (const [name, bytes] of files) {
    if (/^[\\/]|^[a-z]:|(^|[\\/])\.\.([\\/]|$)/i.test(name)) {
      throw new UserError(`${path} has weights in ${name}, which is not beside it: use another export.`)
    }
    const file = join(dirname(path), name)
    const stats = await stat(file).catch((error) => {
      if (!isMissing(error)) throw unreadable(file, error)
      throw new UserError(`${file} is missing, which holds weights of ${path}: fetch it, too.`)
    })
    if (!stats.isFile()) throw new UserError(`${file} cannot be read: it is no file.`)
    if (stats.size < bytes) {
      throw new UserError(
        `${file} has ${stats.size} bytes, but the weights of ${path} need ${bytes}: fetch it again.`,
      )
    }
  }
}
