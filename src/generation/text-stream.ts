import { createDetokenizer, type Detokenizer } from '../tokenizer/detokenizer.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'

/**
 * The text of a sequence as it grows: special tokens are left out, half characters are held back, and so is what may
 * become a stop string. The pieces of `push` and `end` joined are `text`.
 */
export class TextStream {
  text = ''
  private held = ''
  private readonly detokenizer: Detokenizer

  /**
   * @param context ids of the prompt, whose text this one continues
   * @param overlap characters at the beginning that are the prompt's and left out
   */
  constructor(
    tokenizer: Tokenizer,
    context: readonly number[],
    private readonly stopStrings: readonly string[],
    private overlap = 0,
  ) {
    this.detokenizer = createDetokenizer(tokenizer, { skipSpecialTokens: true, context })
  }

  /** The text that this id makes certain. */
  push(id: number): string {
    this.hold(this.detokenizer.push(id))
    return this.release(this.held.length - this.openStop())
  }

  /**
   * The rest of the text.
   * @param stopped the sequence ended with a stop string, which is left out together with what follows it.
   */
  end(stopped: boolean): string {
    this.hold(this.detokenizer.flush())
    const starts = stopped
      ? this.stopStrings.map((stop) => this.held.indexOf(stop)).filter((at) => at >= 0)
      : []
    const rest = this.release(Math.min(this.held.length, ...starts))
    this.held = ''
    return rest
  }

  private hold(text: string): void {
    const own = text.slice(this.overlap)
    this.overlap -= text.length - own.length
    this.held += own
  }

  private release(length: number): string {
    const text = this.held.slice(0, length)
    this.held = this.held.slice(length)
    this.text += text
    return text
  }

  /** Characters at the end from which on a stop string is there or may come. */
  private openStop(): number {
    for (let length = this.held.length; length > 0; length--) {
      const tail = this.held.slice(-length)
      if (this.stopStrings.some((stop) => stop.startsWith(tail) || tail.startsWith(stop))) return length
    }
    return 0
  }
}
