import type { DecoderSpec } from '../../src/models/spec.js'
import { ArraySession, type Values } from '../../src/runtime/array-session.js'
import { BatchDecoder } from '../../src/train/graphs/batch-decoder.js'
import { logitsOf } from '../../src/train/graphs/losses.js'
import type { WeightStore } from '../../src/weights/index.js'

/** The logits of a row of tokens in the graph for training, by token; of one document, where no other segments are given. */
export async function trainedLogits(
  spec: DecoderSpec,
  store: Pick<WeightStore, 'read'>,
  ids: readonly number[],
  segments: readonly number[] = ids.map(() => 0),
) {
  const decoder = new BatchDecoder(spec, { batch: 1, length: ids.length })
  const { graph } = decoder
  const logits = logitsOf(graph, decoder.vocabularyProjection(decoder.hidden()))
  graph.node('Identity', [logits], {}, 'logits')
  graph.output('logits', 'float32', [ids.length, spec.vocabSize])
  const result = new Float32Array(ids.length * spec.vocabSize)
  const arrays = new Map<string, Values>([
    ['ids', Int32Array.from(ids)],
    ['segments', Int32Array.from(segments)],
    ['logits', result],
  ])
  for (const name of decoder.parameters.keys()) arrays.set(name, await store.read(name))
  const session = await ArraySession.create(graph, { device: 'cpu' })
  await session.run(arrays)
  await session.dispose()
  return (token: number) => result.subarray(token * spec.vocabSize, (token + 1) * spec.vocabSize)
}
