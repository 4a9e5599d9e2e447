import type { SpelledAutomaton } from './spelled.js'

/** A text that is read piece by piece: the JSON that it stands for. */
export class SpelledReader {
  private readings: readonly { readonly thread: number; readonly json: string }[]

  constructor(private readonly automaton: SpelledAutomaton) {
    this.readings = automaton.threadsOf(automaton.start).map((thread) => ({ thread, json: '' }))
  }

  /** Whether the text is of the language so far. */
  get isAlive(): boolean {
    return this.readings.length > 0
  }

  /** The JSON that is known for sure: what all readings agree on, in whole characters. It only grows, and is a prefix of the value's JSON. */
  get json(): string {
    const [first, ...others] = this.readings
    if (!first) return ''
    let length = first.json.length
    for (const { json } of others) {
      let same = 0
      while (same < length && json[same] === first.json[same]) same++
      length = same
    }
    return new TextDecoder().decode(Buffer.from(first.json.slice(0, length), 'latin1'), { stream: true })
  }

  /** Reads bytes, or symbols. */
  push(symbols: Iterable<number>): void {
    for (const symbol of symbols) {
      const after = new Map<number, { readonly thread: number; readonly json: string }>()
      for (const { thread, json } of this.readings)
        for (const each of this.automaton.readings(thread, symbol))
          if (!after.has(each.thread)) after.set(each.thread, { thread: each.thread, json: json + each.json })
      this.readings = [...after.values()]
    }
  }

  /** The whole JSON; undefined where the text is not complete, or not of the language. */
  finish(): string | undefined {
    for (const { thread, json } of this.readings) {
      const rest = this.automaton.endOf(thread)
      if (rest !== undefined) return Buffer.from(json + rest, 'latin1').toString()
    }
    return undefined
  }
}

/** The JSON that a complete text stands for; undefined for a text that is not of the language. */
export function jsonOfSpelled(automaton: SpelledAutomaton, text: string): string | undefined {
  const reader = new SpelledReader(automaton)
  reader.push(Buffer.from(text))
  return reader.finish()
}
