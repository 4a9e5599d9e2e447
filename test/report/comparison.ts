import type { Comparison, Estimate, PromptOutput, StrategyResult } from '../../src/report/comparison.js'
import { seededRandom } from '../weights/files.js'

const PROMPTS = [
  'Why is the sky blue?',
  'Write a short story about a lighthouse keeper who finds a map.',
  'List three uses of a paper clip.',
  'Explain binary search to a child.',
  'Translate "good morning" into French, German and Spanish.',
  'What did the treaty of 1648 end?',
  'Complete: def fibonacci(n):',
  'Give advice to someone who moves to a new town.',
]

const WORDS =
  'the light of a small town goes out in the evening and people walk along the water where old boats wait for their owners while the keeper counts them one by one and writes their names into a book that nobody else has ever read'.split(
    ' ',
  )

/** A strategy of the fixture: its speed over greedy's, and how often its words are not greedy's. */
interface Kind {
  readonly name: string
  readonly specification: string
  readonly ratio: number
  readonly changed: number
  readonly depths: number
  readonly lossy?: boolean
}

const KINDS: readonly Kind[] = [
  { name: 'greedy', specification: 'greedy', ratio: 1, changed: 0, depths: 0 },
  {
    name: 'sample',
    specification: 'sample:temperature=0.8,top_p=0.95',
    ratio: 0.98,
    changed: 0.7,
    depths: 0,
  },
  { name: 'beam', specification: 'beam:num_beams=4', ratio: 0.52, changed: 0.15, depths: 0 },
  { name: 'lookup', specification: 'lookup:prompt_lookup_num_tokens=6', ratio: 1.27, changed: 0, depths: 6 },
  { name: 'medusa', specification: 'medusa', ratio: 1.83, changed: 0, depths: 4 },
  {
    name: 'typical acceptance',
    specification: 'medusa:typical_acceptance=true',
    ratio: 2.11,
    changed: 0.08,
    depths: 4,
    lossy: true,
  },
]

export interface ComparisonOptions {
  readonly seed?: number
  readonly created?: string
  /** Speeds over the usual ones, by strategy. */
  readonly speeds?: Readonly<Record<string, number>>
  /** Texts that are put in place of the first prompt's, by strategy. */
  readonly texts?: Readonly<Record<string, string>>
  readonly prompts?: readonly string[]
}

/** A comparison as a run might have written it: six strategies, eight prompts, two scorers. */
export function makeComparison(options: ComparisonOptions = {}): Comparison {
  const { seed = 1, created = '2026-11-25T10:00:00.000Z', prompts = PROMPTS } = options
  const random = seededRandom(seed)
  const written = prompts.map(() => sentence(random, 20 + Math.floor(30 * random())))
  return {
    format: 'llm-compare/1',
    created,
    command: `llm compare --model HuggingFaceTB/SmolLM2-135M-Instruct --strategies ${KINDS.map(({ specification }) => specification).join(' ')} --prompts prompts.txt --seed ${seed} --max-new-tokens 65 --json`,
    seed,
    repetitions: 3,
    warm_up: 1,
    machine: { cpu: 'AMD EPYC 7B13', cores: 8, memory: 33_567_891_456, os: 'Linux 6.8.0 x64', threads: 4 },
    versions: { llm: '0.1.0', node: '20.20.2', onnxruntime: '1.30.0' },
    model: {
      name: 'HuggingFaceTB/SmolLM2-135M-Instruct',
      fingerprint: '7f1b0c6a9e3d5b8842c1d07be4a3f5c2',
      dtype: 'int8',
      device: 'cpu',
      parameters: 134_515_008,
    },
    settings: { max_new_tokens: 65, ignore_eos: false, stop_strings: null },
    prompts: prompts.map((text, i) => ({ id: `p${i + 1}`, text, tokens: 5 + 3 * i })),
    scorers: ['judge', 'rouge-l'],
    reference: 'greedy',
    strategies: KINDS.map((kind) => strategy(kind, written, random, options)),
  }
}

function strategy(
  kind: Kind,
  written: readonly string[],
  random: () => number,
  { speeds = {}, texts = {} }: ComparisonOptions,
): StrategyResult {
  const around = (value: number, share: number) => value * (1 + share * (2 * random() - 1))
  const estimate = (median: number, share: number): Estimate => ({
    median,
    low: median * (1 - share * random()),
    high: median * (1 + share * random()),
  })
  const speed = around(41.3 * kind.ratio * (speeds[kind.name] ?? 1), 0.01)
  const ratio = kind.ratio * (speeds[kind.name] ?? 1)
  const reference = written.map((text, i) => (i === 0 ? (texts.greedy ?? text) : text))
  const outputs = reference.map((text, i): PromptOutput => {
    const own =
      (i === 0 ? texts[kind.name] : undefined) ??
      changedWords(text, i % 2 ? kind.changed : kind.changed / 2, random)
    return {
      id: `p${i + 1}`,
      text: own,
      valid: null,
      finish_reason: random() < 0.7 ? 'length' : 'eos',
      tokens: 65,
      differs_at: firstDifference(text, own),
      mean_log_probability: around(kind.name === 'sample' ? -1.42 : -0.61, 0.2),
      scores: { judge: around(7 - kind.changed, 0.1), 'rouge-l': around(0.4, 0.1) },
      runs: Array.from({ length: 3 }, () => ({
        time_to_first_token: around(0.0312, 0.1),
        tokens_per_second: around(speed, 0.12),
      })),
    }
  })
  return {
    name: kind.name,
    specification: kind.specification,
    settings: kind.depths > 0 ? { num_assistant_tokens: kind.depths } : {},
    lossy: kind.lossy ?? false,
    time_to_first_token: estimate(around(0.0312, 0.04), 0.05),
    tokens_per_second: estimate(speed, 0.05),
    speed_ratio: kind.name === 'greedy' ? { median: 1, low: 1, high: 1 } : estimate(ratio, 0.04),
    tokens_per_forward: kind.depths > 0 ? around(ratio * 1.2, 0.05) : 1,
    acceptance_by_depth:
      kind.depths > 0 ? Array.from({ length: kind.depths }, (_, i) => around(0.82 * 0.86 ** i, 0.05)) : null,
    draft_time: kind.depths > 0 ? around(0.0018, 0.2) : null,
    verify_time: kind.depths > 0 ? around(0.0123, 0.2) : null,
    language: null,
    peak_memory: Math.round(around(412e6, 0.05)),
    identical: outputs.filter(({ differs_at }) => differs_at === null).length / outputs.length,
    mean_log_probability: mean(outputs.map((output) => output.mean_log_probability)),
    distinct: [around(0.52, 0.05), around(0.81, 0.05), around(0.92, 0.05)],
    repetition: around(0.043, 0.3),
    scores: {
      judge: mean(outputs.map(({ scores }) => scores.judge)),
      'rouge-l': mean(outputs.map(({ scores }) => scores['rouge-l'])),
    },
    token_times: Array.from({ length: 64 }, (_, i) =>
      around((1 / speed) * (1 + i / 300), kind.depths > 0 ? 0.35 : 0.06),
    ),
    outputs,
  }
}

function sentence(random: () => number, length: number): string {
  const words = Array.from({ length }, () => WORDS[Math.floor(random() * WORDS.length)])
  return `${words.join(' ').replace(/^./, (letter) => letter.toUpperCase())}.`
}

function changedWords(text: string, share: number, random: () => number): string {
  return text.replace(/\w+/g, (word) =>
    random() < share ? WORDS[Math.floor(random() * WORDS.length)] : word,
  )
}

function firstDifference(a: string, b: string): number | null {
  if (a === b) return null
  let at = 0
  while (a[at] === b[at]) at++
  return at
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
