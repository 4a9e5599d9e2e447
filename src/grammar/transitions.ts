import type { Partition, Partitions } from './regex/partition.js'

/** The cell of a transition that was not taken yet. */
export const UNTAKEN = -1

/** The transitions of an automaton that is built as it is walked: for each state a row of next states by class of bytes. */
export class Transitions {
  /** Places of each state's row in `#cells` and of its classes in `#classes`; [states, 2]. */
  #rows = new Int32Array(256)
  #cells = new Int32Array(1024).fill(UNTAKEN)
  #used = 0
  /** The class of each byte, 256 a partition. */
  #classes = new Uint8Array(16 * 256)
  #partitions = 0
  #states = 0

  constructor(private readonly partitions: Partitions) {}

  get states(): number {
    return this.#states
  }

  /** Adds the next state, whose transitions are unknown. @param partition of the bytes into classes with the same transition */
  add(partition: Partition): number {
    this.#copyClasses(partition.id)
    const state = this.#states++
    if (2 * state + 2 > this.#rows.length) this.#rows = grown(this.#rows, 0)
    this.#rows[2 * state] = this.#used
    this.#rows[2 * state + 1] = partition.id * 256
    this.#used += partition.size
    while (this.#used > this.#cells.length) this.#cells = grown(this.#cells, UNTAKEN)
    return state
  }

  /** The state after a byte, or `UNKNOWN`. */
  get(state: number, byte: number): number {
    return this.#cells[this.#rows[2 * state] + this.#classes[this.#rows[2 * state + 1] + byte]]
  }

  set(state: number, byte: number, target: number): void {
    this.#cells[this.#rows[2 * state] + this.#classes[this.#rows[2 * state + 1] + byte]] = target
  }

  /** Copies the classes of all partitions up to this one. */
  #copyClasses(id: number): void {
    const { all } = this.partitions
    for (; this.#partitions <= id; this.#partitions++) {
      if (this.#partitions * 256 >= this.#classes.length) {
        const longer = new Uint8Array(2 * this.#classes.length)
        longer.set(this.#classes)
        this.#classes = longer
      }
      this.#classes.set(all[this.#partitions].classes, this.#partitions * 256)
    }
  }
}

function grown(array: Int32Array<ArrayBuffer>, fill: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(2 * array.length).fill(fill)
  longer.set(array)
  return longer
}
