import { type DraftVocabulary, draftShape } from '../models/heads/draft-vocabulary.js'
import { type MtpModuleSpec, moduleShape, mtpGraph } from '../models/heads/mtp-graph.js'
import { EMBEDDING } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { serialize } from '../onnx/serialize.js'
import type { MtpItem, MtpModule } from '../strategies/drafters/mtp.js'
import type { Weights } from '../weights/index.js'
import { OnnxTree } from './onnx-model.js'
import * as ort from './ort.js'
import { sharedVocabularySource } from './quantised-vocabulary.js'
import { cacheLayoutOf, type SessionOptions } from './session.js'
import { loadTree, type TreeGraph } from './tree-graph.js'

/** A module of multi-token prediction on ONNX Runtime; its own weights are held in float32. */
export class OnnxMtpModule extends OnnxTree<MtpItem> implements MtpModule {
  private constructor(
    graph: TreeGraph,
    /** [vocab, hidden]. */
    private readonly embedding: Float32Array,
  ) {
    super(graph)
  }

  /**
   * @param weights the module's by DeepSeek-V3's names, and the target's embedding and vocabulary matrix by HF's
   * @throws UserError where the device is not there or the memory does not suffice
   */
  static async create(
    spec: DecoderSpec,
    module: MtpModuleSpec & DraftVocabulary,
    weights: Weights,
    options: SessionOptions,
  ): Promise<OnnxMtpModule> {
    const layout = cacheLayoutOf(options.device)
    const shape = draftShape(spec, module)
    const graph = serialize(mtpGraph(shape, sharedVocabularySource(spec, weights, module), layout, module))
    const tree = await loadTree(() => ({ graph, directory: '' }), { spec: moduleShape(shape) }, options)
    return new OnnxMtpModule(tree, weights.get(EMBEDDING)!)
  }

  protected override inputs(items: readonly MtpItem[]): Record<string, ort.Tensor> {
    const { hiddenSize: size, embedding } = this
    const { embeddingScale } = this.spec
    const [embeddings, states] = [0, 1].map(() => new Float32Array(items.length * size))
    for (const [i, { token, state }] of items.entries()) {
      embeddings.set(embedding.subarray(token * size, (token + 1) * size), i * size)
      states.set(state, i * size)
    }
    if (embeddingScale !== 1) for (let i = 0; i < embeddings.length; i++) embeddings[i] *= embeddingScale
    const tensor = (values: Float32Array) => new ort.Tensor('float32', values, [1, items.length, size])
    return { embeddings: tensor(embeddings), states: tensor(states) }
  }
}
