/** What a process of one engine is started with. */
export interface Setup {
  /** The folder that `prepare.py` made. */
  readonly models: string
  /** The directory whose `node_modules` has the peers that are no dependencies of this project. */
  readonly peers: string
  /** Our dtype, or the peer's file. */
  readonly variant: string
  readonly threads: number
  /** Tokens of the longest sequence. */
  readonly length: number
}

/** A language model that continues a prompt greedily, whatever token it comes to. */
export interface Engine {
  /** Generates `count` tokens from scratch; the times at which each was known, ms since the call. */
  generate(prompt: readonly number[], count: number): Promise<number[]>
}

/** Loads one engine in this process. */
export type Loader = (setup: Setup) => Promise<Engine>

/** Tokens from an engine's own stream, timed. */
export class Stopwatch {
  readonly times: number[] = []
  private readonly start = performance.now()

  lap(): void {
    this.times.push(performance.now() - this.start)
  }
}
