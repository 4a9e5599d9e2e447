import { createHash } from 'node:crypto'
import { specIdentity } from '../models/spec.js'
import { adapterFingerprint } from './adapter.js'
import { type ModelLocation, openModel } from './load.js'

/**
 * What tells a model from others, wherever its files lie: a hash of its shape and of two of its small tensors, which training
 * changes; of an adapter that is applied, all counts.
 */
export async function modelFingerprint(location: string | ModelLocation): Promise<string> {
  const { spec, store, adapter } = await openModel(location)
  try {
    const last = spec.layers.length - 1
    const hash = createHash('sha256').update(JSON.stringify(specIdentity(spec)))
    for (const name of ['model.norm.weight', `model.layers.${last}.self_attn.v_proj.weight`]) {
      const values = await store.read(name)
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    }
    if (adapter !== undefined) hash.update(await adapterFingerprint(adapter))
    return hash.digest('hex')
  } finally {
    await store.close()
  }
}
