import { basename, dirname } from 'node:path'
import { rotaryTables } from '../../src/models/rope.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { serialize } from '../../src/onnx/serialize.js'
import * as ort from '../../src/runtime/ort.js'
import { createSession } from '../../src/runtime/session.js'
import { cacheBytesPerToken } from '../../src/runtime/storage.js'
import type { WeightStore } from '../../src/weights/index.js'
import { batchedGraph } from './batched-graph.js'

/** As many tokens of a prompt in one run as `OnnxModel` takes. */
const CHUNK = 128
/** What a token that must not be seen adds to its score. */
const HIDDEN = -1e9

/** Loads the graph with the float32 weights where they lie. */
export async function loadRepeatedRows(
  spec: DecoderSpec,
  store: WeightStore,
  threads: number,
): Promise<RepeatedRows> {
  const tensor = (name: string) => {
    const found = store.tensors.get(name)
    if (!found || !store.isVerbatim(name, 'F32'))
      throw new Error(`The baseline needs ${name} as float32 safetensors.`)
    return found
  }
  const graph = batchedGraph(spec, {
    type: 'float32',
    data: (name) => {
      const { file, offset, byteLength } = tensor(name)
      return { file: basename(file), offset, length: byteLength }
    },
    quantised: () => undefined,
  })
  const directory = dirname(tensor('model.norm.weight').file)
  return new RepeatedRows(await createSession(serialize(graph), directory, { device: 'cpu', threads }), spec)
}

/**
 * Sequences as separate rows of a batch, each with a whole cache of its own, in host memory for all tokens to come (as
 * HF's StaticCache): the prompt is run once, and what it leaves is repeated. A beam stays in the row that it continues;
 * where several continue one row, the others take rows that no beam continues, and only what was generated is copied.
 */
export class RepeatedRows {
  /** Keys and values of each layer in turn, [batch, kvHeads, columns, headDim]. */
  private buffers: Float32Array[] = []
  private batch = 1
  private columns = 0
  private promptLength = 0
  private length = 0

  constructor(
    private readonly session: ort.InferenceSession,
    private readonly spec: DecoderSpec,
  ) {}

  /** Bytes of the rows in use. */
  get usedBytes(): number {
    return this.batch * this.length * cacheBytesPerToken(this.spec, 'fp32')
  }

  get allocatedBytes(): number {
    return this.buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  /**
   * Forgets what was there, sets aside `batch` rows of `columns` tokens, runs the prompt and repeats its cache.
   * @returns scores of the next token, [vocab]
   */
  async prefill(prompt: readonly number[], batch: number, columns: number): Promise<Float32Array> {
    const size = batch * columns * this.rowWidth
    this.buffers = Array.from({ length: 2 * this.spec.layers.length }, () => new Float32Array(size))
    this.batch = batch
    this.columns = columns
    this.promptLength = prompt.length
    this.length = 0
    let logits: Float32Array[] = []
    for (let start = 0; start < prompt.length; start += CHUNK) {
      logits = await this.run(prompt.slice(start, start + CHUNK), 1)
    }
    for (let row = 1; row < batch; row++) this.copyRow(0, row, 0)
    return logits[0]
  }

  /**
   * Runs a token for each beam.
   * @param tokens by beam
   * @param parents by beam the row that it continues
   * @returns by beam its row and its scores of the next token, [vocab]
   */
  async decode(
    tokens: readonly number[],
    parents: readonly number[],
  ): Promise<{ row: number; scores: Float32Array }[]> {
    const rows = this.assignRows(parents)
    const byRow: number[] = []
    for (const [beam, row] of rows.entries()) byRow[row] = tokens[beam]
    const scores = await this.run(byRow, this.batch)
    return rows.map((row) => ({ row, scores: scores[row] }))
  }

  private assignRows(parents: readonly number[]): number[] {
    const free = Array.from({ length: this.batch }, (_, row) => row).filter((row) => !parents.includes(row))
    return parents.map((parent, beam) => {
      if (parents.indexOf(parent) === beam) return parent
      const row = free.pop()!
      this.copyRow(parent, row, this.promptLength)
      return row
    })
  }

  /** Copies a row's tokens from `first` on. */
  private copyRow(from: number, to: number, first: number): void {
    const { kvHeads, headDim } = this.spec
    for (const buffer of this.buffers) {
      for (let head = 0; head < kvHeads; head++) {
        const source = this.offset(from, head, first)
        buffer.copyWithin(this.offset(to, head, first), source, source + (this.length - first) * headDim)
      }
    }
  }

  /** Floats of a column of one row. */
  private get rowWidth(): number {
    return this.spec.kvHeads * this.spec.headDim
  }

  private offset(row: number, head: number, column: number): number {
    return ((row * this.spec.kvHeads + head) * this.columns + column) * this.spec.headDim
  }

  /** @param tokens [batch, T], row by row @returns by row, [vocab] */
  private async run(tokens: readonly number[], batch: number): Promise<Float32Array[]> {
    const { spec, length, columns } = this
    const count = tokens.length / batch
    const positions = Array.from({ length: count }, (_, i) => length + i)
    const { cos, sin } = rotaryTables(spec.rope.full, positions, 1)
    const results = await this.session.run({
      ...this.past(batch),
      input_ids: new ort.Tensor('int64', BigInt64Array.from(tokens, BigInt), [batch, count]),
      mask: this.mask(count),
      columns: new ort.Tensor('int64', BigInt64Array.of(BigInt(columns), BigInt(count)), [2]),
      cos: new ort.Tensor('float32', cos, [count, spec.headDim / 2]),
      sin: new ort.Tensor('float32', sin, [count, spec.headDim / 2]),
    })
    for (const [i, buffer] of this.buffers.entries()) {
      this.write(buffer, results[nameOf(i)].data as Float32Array, batch, count)
    }
    this.length += count
    const logits = results.logits.data as Float32Array
    return Array.from({ length: batch }, (_, i) =>
      logits.subarray(i * spec.vocabSize, (i + 1) * spec.vocabSize),
    )
  }

  private past(batch: number): Record<string, ort.Tensor> {
    const { kvHeads, headDim } = this.spec
    const shape = [batch, kvHeads, this.columns, headDim]
    const size = batch * this.columns * this.rowWidth
    const named = this.buffers.map(
      (buffer, i) =>
        [`past_${nameOf(i)}`, new ort.Tensor('float32', buffer.subarray(0, size), shape)] as const,
    )
    return Object.fromEntries(named)
  }

  /** Puts new tokens' keys or values, [batch, kvHeads, T, headDim], after those in use. */
  private write(buffer: Float32Array, added: Float32Array, batch: number, count: number): void {
    const { kvHeads, headDim } = this.spec
    const size = count * headDim
    for (let i = 0; i < batch * kvHeads; i++) {
      buffer.set(added.subarray(i * size, (i + 1) * size), this.offset(0, i, this.length))
    }
  }

  /** All of the past that is in use, and new tokens up to the one itself: [group * T, columns + T]. */
  private mask(count: number): ort.Tensor {
    const { spec, length, columns } = this
    const width = columns + count
    const rows = (spec.heads / spec.kvHeads) * count
    const mask = new Float32Array(rows * width)
    for (let row = 0; row < rows; row++) {
      mask.fill(HIDDEN, row * width + length, row * width + columns)
      mask.fill(HIDDEN, row * width + columns + (row % count) + 1, (row + 1) * width)
    }
    return new ort.Tensor('float32', mask, [rows, width])
  }

  async dispose(): Promise<void> {
    await this.session.release()
  }
}

function nameOf(buffer: number): string {
  return `${buffer % 2 === 0 ? 'key' : 'value'}.${buffer >> 1}`
}
