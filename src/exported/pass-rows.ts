import type { Output } from '../model/model.js'
import { HALF } from '../weights/half.js'
import type { Place } from './past.js'
import { AGAIN, type Path } from './paths.js'
import type { HostTensor } from './session.js'

/** What has come of one pass, by node. */
export class PassRows {
  /** Where each token's keys and values lie, once its path was run. */
  readonly places: Place[]
  private readonly logits: (Float32Array | undefined)[]
  private readonly hidden: (Float32Array | undefined)[]

  constructor(
    count: number,
    private readonly givesStates: boolean,
  ) {
    this.places = new Array(count)
    this.logits = new Array(count)
    this.hidden = new Array(count)
  }

  /** Scores of a node, which lie in a row of a result. */
  setLogits(node: number, values: Float32Array, row: number, size: number): void {
    this.logits[node] ??= values.subarray(row * size, (row + 1) * size)
  }

  setHidden(node: number, values: Float32Array, row: number, size: number): void {
    if (node !== AGAIN) this.hidden[node] ??= values.subarray(row * size, (row + 1) * size)
  }

  /** Enters where a path's tokens lie; of those that several have in common the first counts. */
  enter({ nodes, place }: Path): void {
    for (const node of nodes) if (node !== AGAIN) this.places[node] ??= place!
  }

  output(): Output {
    return {
      logits: (node) => {
        const found = this.logits[node]
        if (!found) throw new RangeError(`Node ${node} was not asked for.`)
        return found
      },
      hidden: (node) => {
        const found = this.hidden[node]
        if (found) return found
        throw new RangeError(
          this.givesStates ? `There is no node ${node}.` : 'The export to ONNX gives no hidden states.',
        )
      },
    }
  }
}

/** A tensor's values as float32. */
export function floatsOf({ type, data }: HostTensor): Float32Array {
  if (type !== 'float16') return data as Float32Array
  // Node 24 has an array of halves, which reads as numbers.
  return data instanceof Uint16Array
    ? Float32Array.from(data, (half) => HALF[half])
    : Float32Array.from(data as never)
}
