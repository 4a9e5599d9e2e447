import type { MtpItem, MtpModule } from '../model/heads.js'
import { type DraftVocabulary, draftShape } from '../models/heads/draft-vocabulary.js'
import { type MtpModuleSpec, moduleShape, mtpGraph } from '../models/heads/mtp-graph.js'
import { EMBEDDING } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import { serialize } from '../onnx/serialize.js'
import type { Weights } from '../weights/index.js'
import { sharedVocabularySource } from './drafter-source.js'
import { EmbeddingTable } from './embedding-table.js'
import { OnnxTree } from './onnx-model.js'
import * as ort from './ort.js'
import { cacheLayoutOf, type SessionOptions } from './session.js'
import { loadTree, type TreeGraph } from './tree-graph.js'

/** A module of multi-token prediction on ONNX Runtime; its own weights are held in float32. */
export class OnnxMtpModule extends OnnxTree<MtpItem> implements MtpModule {
  private constructor(
    graph: TreeGraph,
    private readonly embedding: EmbeddingTable,
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
    return new OnnxMtpModule(tree, new EmbeddingTable(spec, weights.get(EMBEDDING)!))
  }

  protected override inputs(items: readonly MtpItem[]): Record<string, ort.Tensor> {
    const { hiddenSize: size } = this
    const states = new Float32Array(items.length * size)
    for (const [i, { state }] of items.entries()) states.set(state, i * size)
    const tensor = (values: Float32Array) => new ort.Tensor('float32', values, [1, items.length, size])
    return {
      embeddings: tensor(this.embedding.rows(items.map(({ token }) => token))),
      states: tensor(states),
    }
  }
}
