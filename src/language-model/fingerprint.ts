import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { chooseExport, dataFiles, exportedFiles } from '../exported/files.js'
import { type LayerKind, specIdentity } from '../models/spec.js'
import type { RunType } from '../runtime/storage.js'
import { adapterFingerprint } from './adapter.js'
import { locationOf, type ModelLocation } from './files.js'
import { openFound } from './open.js'
import { findRoad, type Road } from './road.js'

/**
 * What tells a model from others, wherever its files lie: a hash of its shape and of some of its small tensors, which training
 * changes; of an adapter that is applied, all counts.
 * @param source path of its directory or file, and of its adapter
 * @param dtype that an export is run in, a file of its own
 */
export async function modelFingerprint(
  source: string | ModelLocation,
  dtype: RunType | 'auto' = 'auto',
): Promise<string> {
  const road = await findRoad(source)
  if (road.name === 'export') return exportFingerprint(road, dtype)
  const { spec, store, adapter } = await openFound(locationOf(source), road.files)
  try {
    const last = (isOf: (kind: LayerKind) => boolean, module: string) => {
      const layer = spec.layers.findLastIndex(isOf)
      return layer < 0 ? [] : [`model.layers.${layer}.${module}.weight`]
    }
    const tensors = [
      'model.norm.weight',
      ...last((kind) => kind !== 'conv', 'self_attn.v_proj'),
      ...last((kind) => kind === 'conv', 'conv.out_proj'),
    ]
    const hash = createHash('sha256').update(JSON.stringify(specIdentity(spec)))
    for (const name of tensors) {
      const values = await store.read(name)
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    }
    if (adapter !== undefined) hash.update(await adapterFingerprint(adapter))
    return hash.digest('hex')
  } finally {
    await store.close()
  }
}

/** Bytes that are hashed of each end of a graph's file. */
const MOST_HASHED = 2 ** 20

/** An export's configuration and graph, by its size, its beginning and its end: between them lie nodes, and weights where they are in it. */
async function exportFingerprint(
  { directory, config, paths }: Extract<Road, { name: 'export' }>,
  dtype: RunType | 'auto',
): Promise<string> {
  const file = chooseExport(exportedFiles(paths), dtype, config, directory)
  const hash = createHash('sha256').update(JSON.stringify([config, file]))
  for (const path of [file.path, ...dataFiles(file.path, paths)]) {
    const handle = await open(join(directory, path))
    try {
      const { size } = await handle.stat()
      hash.update(JSON.stringify([path, size]))
      for (const position of [0, Math.max(0, size - MOST_HASHED)]) {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_HASHED), 0, MOST_HASHED, position)
        hash.update(buffer.subarray(0, bytesRead))
      }
    } finally {
      await handle.close()
    }
  }
  return hash.digest('hex')
}
