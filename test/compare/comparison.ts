import type { Comparison, StrategyResult } from '../../src/report/comparison.js'

const one = { median: 1, low: 1, high: 1 }

export function strategyWith(name: string, fields: Partial<StrategyResult> = {}): StrategyResult {
  return {
    name,
    specification: name,
    settings: {},
    lossy: false,
    time_to_first_token: one,
    tokens_per_second: one,
    speed_ratio: one,
    tokens_per_forward: 1,
    acceptance_by_depth: null,
    draft_time: null,
    verify_time: null,
    language: null,
    peak_memory: null,
    identical: 1,
    mean_log_probability: -1,
    distinct: [1, 1, 1],
    repetition: 0,
    scores: {},
    token_times: [],
    outputs: [],
    ...fields,
  }
}

export function comparisonWith(fields: Partial<Comparison> = {}): Comparison {
  return {
    format: 'llm-compare/1',
    created: '2026-01-01T00:00:00.000Z',
    command: 'llm compare prompts.txt -s greedy',
    seed: 0,
    repetitions: 3,
    warm_up: 1,
    machine: { cpu: 'A processor', cores: 2, memory: 8e9, os: 'Linux', threads: 2 },
    versions: { llm: '0.1.0', node: '20.0.0', onnxruntime: '1.30.0' },
    model: { name: 'built-in', fingerprint: 'f00d', dtype: 'fp32', device: 'cpu', parameters: 1000 },
    settings: {},
    prompts: [{ id: '1', text: 'Hello', tokens: 1 }],
    scorers: [],
    reference: 'greedy',
    strategies: [strategyWith('greedy')],
    ...fields,
  }
}
