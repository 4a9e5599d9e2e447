import type { Graph, ValueInfo } from '../onnx/graph.js'
import { serialize } from '../onnx/serialize.js'
import { elements, type Shape } from '../onnx/shapes.js'
import type { Weights } from '../weights/index.js'
import type { Device } from './device.js'
import { runFailure } from './failures.js'
import * as ort from './ort.js'
import { createSession, type SessionOptions } from './session.js'

export type Values = Float32Array | Int32Array | BigInt64Array

/**
 * A graph of fixed shapes whose inputs and outputs are the caller's arrays. On the CPU an output may be written into the
 * array of an input that it replaces: weights are updated where they lie.
 */
export class ArraySession {
  /** Arrays come again at every run; a tensor is made for each once. */
  private readonly tensors = new WeakMap<Values, ort.Tensor>()

  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly device: Device,
    private readonly inputs: readonly ValueInfo[],
    private readonly outputs: readonly ValueInfo[],
  ) {}

  /** @throws UserError where the device is not there or the memory does not suffice */
  static async create(graph: Graph, options: SessionOptions): Promise<ArraySession> {
    const session = await createSession(serialize(graph), '', options)
    return new ArraySession(session, options.device, graph.inputs, graph.outputs)
  }

  /**
   * Runs the graph, writing every output into its array.
   * @param arrays by the name of the input or output; of the length that its shape asks for
   */
  async run(arrays: ReadonlyMap<string, Values>): Promise<void> {
    const feeds = this.tensorsOf(this.inputs, arrays)
    const fetches = this.tensorsOf(this.outputs, arrays)
    try {
      const results = await this.session.run(feeds, fetches)
      for (const [name, tensor] of Object.entries(results)) keep(arrays.get(name)!, tensor)
    } catch (error) {
      throw runFailure(error, this.device, 'for a training step')
    }
  }

  async dispose(): Promise<void> {
    await this.session.release()
  }

  private tensorsOf(infos: readonly ValueInfo[], arrays: ReadonlyMap<string, Values>) {
    return Object.fromEntries(infos.map((info) => [info.name, this.tensor(info, arrays.get(info.name))]))
  }

  private tensor({ name, type, shape }: ValueInfo, array: Values | undefined): ort.Tensor {
    if (!array) throw new RangeError(`There is no array for ${name}`)
    const known = this.tensors.get(array)
    if (known?.type === type && String(known.dims) === String(shape)) return known
    const tensor = new ort.Tensor(type as 'float32', array as Float32Array, shape as number[])
    this.tensors.set(array, tensor)
    return tensor
  }
}

/** Providers that do not write into the given array return another one. */
function keep(array: Values, tensor: ort.Tensor): void {
  const data = tensor.data as Float32Array
  if (data.buffer !== array.buffer) (array as Float32Array).set(data)
}

/** The array of a parameter. @throws RangeError where there is none, or one of another size */
export function weightsOf(name: string, shape: Shape, weights: Weights): Float32Array {
  const values = weights.get(name)
  if (values?.length === elements(shape)) return values
  throw new RangeError(`${name} has ${values?.length ?? 'no'} values and should have the shape [${shape}]`)
}
