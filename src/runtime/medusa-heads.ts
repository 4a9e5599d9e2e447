import { type DraftVocabulary, draftShape } from '../models/heads/draft-vocabulary.js'
import { type MedusaSpec, medusaParameters } from '../models/heads/medusa.js'
import { medusaGraph } from '../models/heads/medusa-graph.js'
import type { DecoderSpec } from '../models/spec.js'
import { serialize } from '../onnx/serialize.js'
import type { Candidates } from '../strategies/drafters/medusa.js'
import type { Weights } from '../weights/index.js'
import { runFailure } from './failures.js'
import * as ort from './ort.js'
import { drafterSource, sharedVocabularySource } from './quantised-vocabulary.js'
import { createSession, type Device, type SessionOptions } from './session.js'

/** Medusa's heads on ONNX Runtime. */
export class MedusaHeads {
  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly device: Device,
    private readonly draft: DraftVocabulary,
  ) {}

  /**
   * @param weights the heads' by their names in a checkpoint, and the target's vocabulary matrix by HF's where they share it
   * @throws UserError where the device is not there or the memory does not suffice
   */
  static async create(
    spec: DecoderSpec,
    medusa: MedusaSpec,
    weights: Weights,
    options: SessionOptions,
  ): Promise<MedusaHeads> {
    const shape = draftShape(spec, medusa)
    const own = medusaParameters(medusa, spec)
      .map(({ name }) => name)
      .filter((name) => !name.includes('.linear.'))
    const source = medusa.ownVocabulary
      ? drafterSource(weights, new Map(own.map((name) => [name, weights.get(name)!])), shape)
      : sharedVocabularySource(spec, weights, medusa)
    const session = await createSession(serialize(medusaGraph(shape, source, medusa)), '', options)
    return new MedusaHeads(session, options.device, medusa)
  }

  /**
   * What each head expects.
   * @param hidden the model's final hidden state, [hidden]
   */
  async candidates(hidden: Float32Array): Promise<Candidates[]> {
    const feeds = { hidden: new ort.Tensor('float32', hidden, [1, hidden.length]) }
    const { tokens, log_probabilities } = await this.session.run(feeds).catch((error) => {
      throw runFailure(error, this.device, 'to draft with the heads')
    })
    const [, heads, count] = tokens.dims
    const { draftTokens } = this.draft
    const ids = Array.from(tokens.data as BigInt64Array, (id) => draftTokens?.[Number(id)] ?? Number(id))
    const logProbabilities = log_probabilities.data as Float32Array
    return Array.from({ length: heads }, (_, head) => ({
      tokens: ids.slice(head * count, (head + 1) * count),
      logProbabilities: logProbabilities.subarray(head * count, (head + 1) * count),
    }))
  }

  async dispose(): Promise<void> {
    await this.session.release()
  }
}
