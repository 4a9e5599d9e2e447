import { createHash } from 'node:crypto'
import { specIdentity } from '../models/spec.js'
import { openModel } from './load.js'

/**
 * What tells a model from others, wherever its files lie: a hash of its shape and of two of its small tensors, which training
 * changes.
 * @param path of its directory or file
 */
export async function modelFingerprint(path: string): Promise<string> {
  const { spec, store } = await openModel(path)
  try {
    const last = spec.layers.length - 1
    const hash = createHash('sha256').update(JSON.stringify(specIdentity(spec)))
    for (const name of ['model.norm.weight', `model.layers.${last}.self_attn.v_proj.weight`]) {
      const values = await store.read(name)
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    }
    return hash.digest('hex')
  } finally {
    await store.close()
  }
}
