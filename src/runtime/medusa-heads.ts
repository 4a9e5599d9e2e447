import type { Candidates, Guesses } from '../model/heads.js'
import { type DraftVocabulary, draftShape } from '../models/heads/draft-vocabulary.js'
import { type MedusaSpec, medusaParameters } from '../models/heads/medusa.js'
import { candidatesGraph, medusaGraph, sequentialHeadGraph } from '../models/heads/medusa-graph.js'
import { EMBEDDING, type Parameter } from '../models/parameters.js'
import type { DecoderSpec } from '../models/spec.js'
import type { Graph } from '../onnx/graph.js'
import { serialize } from '../onnx/serialize.js'
import type { Weights } from '../weights/index.js'
import type { Device } from './device.js'
import { drafterSource, sharedVocabularySource } from './drafter-source.js'
import { EmbeddingTable } from './embedding-table.js'
import { runFailure } from './failures.js'
import * as ort from './ort.js'
import { createSession, type SessionOptions } from './session.js'

/** Medusa's heads on ONNX Runtime. */
export interface MedusaHeads {
  /**
   * What the heads expect.
   * @param hidden the model's final hidden state, [hidden]
   */
  guesses(hidden: Float32Array): Promise<Guesses>
  dispose(): Promise<void>
}

/**
 * @param weights the heads' by their names in a checkpoint, and the target's embedding and vocabulary matrix by HF's
 * @throws UserError where the device is not there or the memory does not suffice
 */
export async function createMedusaHeads(
  spec: DecoderSpec,
  medusa: MedusaSpec,
  weights: Weights,
  options: SessionOptions,
): Promise<MedusaHeads> {
  const shape = draftShape(spec, medusa)
  const isQuantised = ({ name, kind }: Parameter) =>
    kind === 'linear' && (medusa.sequential || name.endsWith(`.${medusa.layers}.weight`))
  const matrices = new Map(
    medusaParameters(medusa, spec)
      .filter(isQuantised)
      .map(({ name, shape }) => [name, shape]),
  )
  const source = medusa.ownVocabulary
    ? drafterSource(weights, matrices)
    : sharedVocabularySource(spec, weights, medusa, matrices)
  const open = (graph: Graph) => HeadSession.create(graph, medusa, options)
  if (!medusa.sequential) return new IndependentHeads(await open(medusaGraph(shape, source, medusa)))
  const heads = Array.from({ length: medusa.heads }, (_, head) =>
    sequentialHeadGraph(shape, source, medusa, head),
  )
  return new SequentialHeads(
    await Promise.all(heads.map(open)),
    medusa.ownVocabulary ? undefined : await open(candidatesGraph(shape, source)),
    new EmbeddingTable(spec, weights.get(EMBEDDING)!),
  )
}

class HeadSession {
  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly device: Device,
    private readonly draft: DraftVocabulary,
  ) {}

  static async create(graph: Graph, draft: DraftVocabulary, options: SessionOptions): Promise<HeadSession> {
    return new HeadSession(await createSession(serialize(graph), '', options), options.device, draft)
  }

  async run(feeds: Readonly<Record<string, ort.Tensor>>): Promise<Readonly<Record<string, ort.Tensor>>> {
    return this.session.run(feeds).catch((error) => {
      throw runFailure(error, this.device, 'to draft with the heads')
    })
  }

  /** By row of the graph's outputs. */
  async candidates(feeds: Readonly<Record<string, ort.Tensor>>): Promise<Candidates[]> {
    const { tokens, log_probabilities } = await this.run(feeds)
    const [, rows, count] = tokens.dims
    const { draftTokens } = this.draft
    const ids = Array.from(tokens.data as BigInt64Array, (id) => draftTokens?.[Number(id)] ?? Number(id))
    const logProbabilities = log_probabilities.data as Float32Array
    return Array.from({ length: rows }, (_, row) => ({
      tokens: ids.slice(row * count, (row + 1) * count),
      logProbabilities: logProbabilities.subarray(row * count, (row + 1) * count),
    }))
  }

  async dispose(): Promise<void> {
    await this.session.release()
  }
}

/** Heads that expect the same after all paths: one graph, run once. */
class IndependentHeads implements MedusaHeads {
  constructor(private readonly session: HeadSession) {}

  async guesses(hidden: Float32Array): Promise<Guesses> {
    const feeds = { hidden: new ort.Tensor('float32', hidden, [1, hidden.length]) }
    const candidates = await this.session.candidates(feeds)
    return {
      heads: candidates.length,
      after: async (paths) => paths.map(({ length }) => candidates[length - 1]),
    }
  }

  dispose(): Promise<void> {
    return this.session.dispose()
  }
}

/** Heads that are given the tokens of a path: a graph each, run after all paths of its length at once. */
class SequentialHeads implements MedusaHeads {
  constructor(
    private readonly heads: readonly HeadSession[],
    /** Of the vocabulary matrix that they share with their target, if they do. */
    private readonly shared: HeadSession | undefined,
    private readonly embedding: EmbeddingTable,
  ) {}

  async guesses(hidden: Float32Array): Promise<Guesses> {
    const size = hidden.length
    const state = new ort.Tensor('float32', hidden, [1, 1, size])
    return {
      heads: this.heads.length,
      after: async (paths) => {
        const tokens = paths.flat()
        const embeddings = new ort.Tensor('float32', this.embedding.rows(tokens), [1, tokens.length, size])
        const head = this.heads[paths[0].length - 1]
        const feeds = { hidden: state, embeddings }
        if (!this.shared) return head.candidates(feeds)
        const { states } = await head.run(feeds)
        return this.shared.candidates({ states })
      },
    }
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.heads, this.shared].map((session) => session?.dispose()))
  }
}
