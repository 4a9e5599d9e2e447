import { fileURLToPath } from 'node:url'
import { median, table } from '../common.js'
import { type ScriptPeer, scriptPeer } from '../script-peer.js'

const SCRIPT = fileURLToPath(new URL('./llama-cpp-side.mjs', import.meta.url))

interface Task {
  readonly prompt: readonly number[]
  readonly tokens: number
  /** Tokens that its InputLookupTokenPredictor drafts at most; 0 for plain decoding. */
  readonly lookup: number
}

interface Answer {
  /** From the first token to the last one. */
  readonly seconds: number
  readonly passes: number
}

/** Its default, and as many as pay where much is copied. */
const LOOKUPS = [0, 3, 10]

interface Row {
  readonly set: string
  readonly prompt: readonly Answer[]
  readonly tokens: number
}

/** Plain decoding and prompt lookup of llama.cpp, by node-llama-cpp, on the same prompts. */
export class LlamaCpp {
  private readonly rows: Row[] = []

  private constructor(private readonly peer: ScriptPeer<Task, Answer>) {}

  /** @param directory the package node-llama-cpp */
  static async start(directory: string, gguf: string, threads: number): Promise<LlamaCpp> {
    return new LlamaCpp(await scriptPeer(process.execPath, SCRIPT, [directory, gguf, String(threads)]))
  }

  /** Decodes after a prompt, every other time backwards. */
  async measure(set: string, prompt: readonly number[], tokens: number): Promise<void> {
    const answers: Answer[] = []
    const order = [...LOOKUPS.keys()]
    for (const i of this.rows.length % 2 === 0 ? order : order.toReversed()) {
      answers[i] = await this.peer.ask({ prompt, tokens, lookup: LOOKUPS[i] })
    }
    this.rows.push({ set, prompt: answers, tokens })
  }

  markdown(): string {
    const sets = [...new Set(this.rows.map(({ set }) => set))]
    const rows = sets.flatMap((set) => LOOKUPS.map((lookup, i) => this.summary(set, lookup, i)))
    const head = ['prompts', 'predictor', 'tok/s', 'ratio', 'range', 'tokens a pass']
    return `${this.peer.description}:\n\n${table(head, rows)}`
  }

  private summary(set: string, lookup: number, i: number): string[] {
    const rows = this.rows.filter((row) => row.set === set)
    const ratios = rows.map(({ prompt }) => prompt[0].seconds / prompt[i].seconds)
    const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0)
    return [
      set,
      lookup === 0 ? 'none' : `InputLookup, ${lookup} at most`,
      median(rows.map(({ prompt, tokens }) => (tokens - 1) / prompt[i].seconds)).toFixed(1),
      median(ratios).toFixed(2),
      `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
      (sum(({ tokens }) => tokens) / sum(({ prompt }) => prompt[i].passes)).toFixed(2),
    ]
  }

  dispose(): Promise<void> {
    return this.peer.dispose()
  }
}
