import { Grammar } from '../../src/grammar/grammar.js'

/** Time that masks take, of all grammars of this process. */
export class MaskClock {
  /** Milliseconds so far. */
  time = 0
  calls = 0

  constructor() {
    const make = Grammar.prototype.maskOf
    const clock = this
    Grammar.prototype.maskOf = function maskOf(...args) {
      const start = performance.now()
      const mask = make.apply(this, args)
      clock.time += performance.now() - start
      clock.calls++
      return mask
    }
  }

  /** What a run adds. */
  async of<T>(run: () => Promise<T>): Promise<{ readonly result: T; readonly time: number }> {
    const before = this.time
    const result = await run()
    return { result, time: this.time - before }
  }
}
