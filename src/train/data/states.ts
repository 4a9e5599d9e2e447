import { freemem } from 'node:os'
import type { DecoderSpec } from '../../models/spec.js'
import { ArraySession, type Values, weightsOf } from '../../runtime/array-session.js'
import type { SessionOptions } from '../../runtime/session.js'
import type { Weights } from '../../weights/index.js'
import { BatchDecoder } from '../graphs/batch-decoder.js'
import type { MicroBatch } from '../micro-batch.js'
import { sequences } from '../objective.js'
import type { TrainingData } from './training-data.js'

/** The share of the memory that is free at first in which states may be kept. */
const SHARE = 0.25

const STATES = 'residual'

export interface StatesOptions extends SessionOptions {
  /** Tokens of a row. */
  readonly length: number
  /** Bytes of states that may be kept; by default a quarter of the free memory. */
  readonly budget?: number
}

/**
 * What the last block of a model that is not trained gives for rows of tokens: computed when a row is read for the first
 * time, and kept as long as memory allows.
 */
export class FrozenStates {
  private readonly arrays = new Map<string, Values>()

  private constructor(
    private readonly session: ArraySession,
    weights: ReadonlyMap<string, Values>,
    /** Of a row. */
    private readonly size: number,
    private budget: number,
  ) {
    for (const [name, values] of weights) this.arrays.set(name, values)
  }

  static async create(
    spec: DecoderSpec,
    weights: Weights,
    { length, budget = SHARE * freemem(), ...options }: StatesOptions,
  ): Promise<FrozenStates> {
    // A row at a time, so that its states are the same whichever rows are read beside it.
    const decoder = new BatchDecoder(spec, { batch: 1, length })
    const { graph, parameters } = decoder
    graph.output(graph.node('Identity', [decoder.trunk().output], {}, STATES), 'float32', [
      1,
      length,
      spec.hiddenSize,
    ])
    const used = [...parameters].map(([name, shape]) => [name, weightsOf(name, shape, weights)] as const)
    const session = await ArraySession.create(graph, options)
    return new FrozenStates(session, new Map(used), length * spec.hiddenSize, budget)
  }

  /** The same data, whose batches have their states. */
  of(data: TrainingData): TrainingData {
    const kept = new Map<number, Float32Array>()
    const row = async (index: number, batch: MicroBatch, at: number): Promise<Float32Array> => {
      const known = kept.get(index)
      if (known) return known
      const states = await this.compute(batch, at)
      if (states.byteLength <= this.budget) {
        this.budget -= states.byteLength
        kept.set(index, states)
      }
      return states
    }
    const read = async (rows: readonly number[]): Promise<MicroBatch> => {
      const batch = await data.read(rows)
      const states = new Float32Array(rows.length * this.size)
      for (const [i, index] of rows.entries()) states.set(await row(index, batch, i), i * this.size)
      return { ...batch, states }
    }
    return { rows: data.rows, read }
  }

  private async compute({ length, ids, segments }: MicroBatch, row: number): Promise<Float32Array> {
    const part = (values: Int32Array) => values.slice(row * length, (row + 1) * length)
    const states = new Float32Array(this.size)
    const inputs = sequences({ ids: part(ids), segments: part(segments) })
    await this.session.run(new Map([...this.arrays, ...inputs, [STATES, states]]))
    return states
  }

  async dispose(): Promise<void> {
    await this.session.dispose()
  }
}
