import { fileURLToPath } from 'node:url'
import { median, table } from '../common.js'
import { type ScriptPeer, scriptPeer } from '../script-peer.js'

const SCRIPT = fileURLToPath(new URL('./llama-cpp-side.mjs', import.meta.url))

interface Task {
  readonly prompt: readonly number[]
  readonly tokens: number
  /** None for plain decoding. */
  readonly predictor?: Predictor
}

/** Its InputLookupTokenPredictor, which drafts so many tokens at most, or its DraftSequenceTokenPredictor. */
type Predictor = { readonly kind: 'lookup'; readonly most: number } | { readonly kind: 'draft' }

interface Answer {
  /** From the first token to the last one. */
  readonly seconds: number
  readonly passes: number
}

/** Plain decoding; lookup with its default, and as many as pay where much is copied. */
const PREDICTORS: readonly (Predictor | undefined)[] = [
  undefined,
  { kind: 'lookup', most: 3 },
  { kind: 'lookup', most: 10 },
]

interface Row {
  readonly set: string
  readonly prompt: readonly Answer[]
  readonly tokens: number
}

/** Plain decoding, prompt lookup and drafts of a smaller model by llama.cpp, through node-llama-cpp, on the same prompts. */
export class LlamaCpp {
  private readonly rows: Row[] = []

  private constructor(
    private readonly peer: ScriptPeer<Task, Answer>,
    private readonly predictors: typeof PREDICTORS,
  ) {}

  /**
   * @param directory the package node-llama-cpp
   * @param draft a smaller model's GGUF, if there is one
   */
  static async start(
    directory: string,
    gguf: string,
    draft: string | undefined,
    threads: number,
  ): Promise<LlamaCpp> {
    const args = [directory, gguf, String(threads), ...(draft ? [draft] : [])]
    const predictors = draft ? [...PREDICTORS, { kind: 'draft' } as const] : PREDICTORS
    return new LlamaCpp(await scriptPeer(process.execPath, SCRIPT, args), predictors)
  }

  /** Decodes after a prompt so often, every other time backwards; the fastest run of each side counts. */
  async measure(
    set: string,
    prompt: readonly number[],
    { tokens, repeats }: { readonly tokens: number; readonly repeats: number },
  ): Promise<void> {
    const answers: Answer[] = []
    const order = [...this.predictors.keys()]
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const i of (this.rows.length + repeat) % 2 === 0 ? order : order.toReversed()) {
        const answer = await this.peer.ask({ prompt, tokens, predictor: this.predictors[i] })
        if (!answers[i] || answer.seconds < answers[i].seconds) answers[i] = answer
      }
    }
    this.rows.push({ set, prompt: answers, tokens })
  }

  markdown(): string {
    const sets = [...new Set(this.rows.map(({ set }) => set))]
    const rows = sets.flatMap((set) => this.predictors.map((_, i) => this.summary(set, i)))
    const head = ['prompts', 'predictor', 'tok/s', 'ratio', 'range', 'tokens a pass']
    return `${this.peer.description}:\n\n${table(head, rows)}`
  }

  private summary(set: string, i: number): string[] {
    const rows = this.rows.filter((row) => row.set === set)
    const ratios = rows.map(({ prompt }) => prompt[0].seconds / prompt[i].seconds)
    const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0)
    return [
      set,
      nameOf(this.predictors[i]),
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

function nameOf(predictor: Predictor | undefined): string {
  if (!predictor) return 'none'
  return predictor.kind === 'draft' ? 'DraftSequence' : `InputLookup, ${predictor.most} at most`
}
