import type { ParallelHeads } from '../model/heads.js'
import type { KVCache } from '../model/model.js'
import { type DraftVocabulary, draftShape } from '../models/heads/draft-vocabulary.js'
import { furtherHeads, moduleShape, parallelMtpGraph } from '../models/heads/mtp-graph.js'
import type { DecoderSpec } from '../models/spec.js'
import { serialize } from '../onnx/serialize.js'
import type { Weights } from '../weights/index.js'
import { sharedVocabularySource } from './drafter-source.js'
import { OnnxTree } from './onnx-model.js'
import * as ort from './ort.js'
import { cacheLayoutOf, type SessionOptions } from './session.js'
import { loadTree } from './tree-graph.js'

/** Meta's parallel heads on ONNX Runtime, all in one graph; their own weights are held in float32. */
export class OnnxParallelHeads extends OnnxTree<Float32Array> implements ParallelHeads {
  /**
   * @param heads how many of them
   * @param draft what they guess from
   * @param weights theirs by DeepSeek-V3's names, and the target's final norm and vocabulary matrix by HF's
   * @throws UserError where the device is not there or the memory does not suffice
   */
  static async create(
    spec: DecoderSpec,
    heads: number,
    draft: DraftVocabulary,
    weights: Weights,
    options: SessionOptions,
  ): Promise<OnnxParallelHeads> {
    const layout = cacheLayoutOf(options.device)
    const shape = draftShape(spec, draft)
    const graph = serialize(
      parallelMtpGraph(shape, sharedVocabularySource(spec, weights, draft), layout, heads),
    )
    const tree = { spec: moduleShape(shape, heads), exits: furtherHeads(heads) }
    return new OnnxParallelHeads(await loadTree(() => ({ graph, directory: '' }), tree, options))
  }

  async append(cache: KVCache, states: readonly Float32Array[]): Promise<Float32Array[]> {
    const last = states.length - 1
    const parents = states.map((_, i) => cache.length + i - 1)
    const output = await this.forward(cache, states, parents, [last], { states: [] })
    return [output.logits(last), ...output.exits(last).map(({ logits }) => logits)]
  }

  protected override inputs(states: readonly Float32Array[]): Record<string, ort.Tensor> {
    const { hiddenSize } = this
    const values = new Float32Array(states.length * hiddenSize)
    for (const [i, state] of states.entries()) values.set(state, i * hiddenSize)
    return { states: new ort.Tensor('float32', values, [1, states.length, hiddenSize]) }
  }
}
