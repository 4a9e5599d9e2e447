import { Container, type Frame, type Frames, LOST } from './frames.js'
import { KEEP_PART, KEEP_WHOLE } from './memory.js'

/** Which text must be kept while it is read, because a part may not be repeated. */
export class Recordings {
  private readonly known: number[] = []

  constructor(private readonly frames: Frames) {}

  /** `KEEP_WHOLE` and `KEEP_PART` as bits; 0 where nothing is kept. */
  of(frame: Frame): number {
    let recording = this.known[frame]
    if (recording === undefined) {
      const around = this.frames.parent(frame)
      recording = around !== LOST && this.of(around) !== 0 ? KEEP_WHOLE : 0
      if (this.frames.asksForRepeats(frame)) recording |= KEEP_PART
      this.known[frame] = recording
    }
    return recording
  }

  /**
   * For each level, the innermost first: whether a token may end what repeats something that is kept there. Of an object only one that
   * begins before the next name does, but for those tokens that are looked at one by one.
   */
  compared(frame: Frame, isKeyNext: boolean): boolean[] {
    const compared: boolean[] = []
    for (let around = frame; around > 0; around = this.frames.parent(around)) {
      const isArray = this.frames.kind(around) === Container.ARRAY
      compared.push(isArray || (around === frame && isKeyNext))
    }
    return compared
  }
}
