import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readComparison } from '../../src/compare/read.js'
import type { Comparison, StrategyResult } from '../../src/report/comparison.js'
import { strategyWith } from '../compare/comparison.js'
import { writeExport } from '../exported/exports.js'
import { fileWriter, isolateEnvironment, Llm, on, runClass, temporaryDirectory } from './cli.js'
import { type BadInput, testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const llm = new Llm(home)
const file = fileWriter(home)
const tiny = writeTextModel(join(home, 'model'))

isolateEnvironment(home)

const prompts = file('Once upon a time\nTom and his dog\n', 'prompts.txt')
const builtIn = ['--device', 'cpu', '--dtype', 'fp32']

async function compare(args: readonly string[]): Promise<Comparison> {
  const { code, stdout, stderr } = await runClass('compare', ['--json', ...args])
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('Error')])
  return JSON.parse(stdout)
}

const one = ['--repetitions', '1', '--warm-up', '0']

test('token recycling is compared, alone and beside prompt lookup', async () => {
  const flags = ['-s', 'greedy', '-s', 'recycling', '-s', 'recycling:lookup=true']
  const { strategies } = await compare([prompts, ...builtIn, ...flags, '--max-new-tokens', '8', ...one])
  expect(strategies.map(({ name }) => name)).toEqual(['greedy', 'recycling', 'recycling:lookup=true'])
})

test('an export to ONNX is compared, as target, as draft and as amateur, beside a model of the same weights', async () => {
  const exported = await writeExport(tiny, join(home, 'export'))
  const compared = (target: string, other: string) => {
    const kinds = [
      'greedy',
      `speculative:model=${other},nodes=4`,
      `greedy:amateur_model=${other},amateur_beta=0`,
    ]
    const flags = kinds.flatMap((kind) => ['-s', kind])
    return compare([prompts, ...on(target), '--dtype', 'fp32', ...flags, '--max-new-tokens', '8', ...one])
  }
  const textsOf = ({ strategies }: Comparison) => strategies[0].outputs.map(({ text }) => text)
  const [first, second] = [await compared(exported, tiny), await compared(tiny, exported)]
  for (const comparison of [first, second]) {
    const { strategies } = comparison
    expect(strategies.map(({ identical }) => identical)).toEqual([1, 1, 1])
    expect(strategies[1].acceptance_by_depth![0]).toBe(1)
  }
  expect(textsOf(first)).toEqual(textsOf(second))
  expect(first.model).toMatchObject({ name: exported, dtype: 'fp32', parameters: null })
})

describe('five strategies on the built-in model', () => {
  const strategies = [
    'greedy',
    'medusa:nodes=6,lookup=true',
    'speculative:num_assistant_tokens=3',
    'lookup:prompt_lookup_num_tokens=3',
    'beam:num_beams=2',
  ]
  const flags = strategies.flatMap((strategy) => ['-s', strategy])
  const output = join(home, 'out.json')
  const result = () =>
    compare([
      prompts,
      ...builtIn,
      ...flags,
      '--max-new-tokens',
      '8',
      '--repetitions',
      '2',
      '--score',
      'json',
      '-o',
      output,
    ])
  let comparison: Comparison

  test('have all figures of the contract', async () => {
    comparison = await result()
    expect(await readComparison(output)).toEqual(comparison)
    expect(comparison).toMatchObject({
      repetitions: 2,
      warm_up: 1,
      seed: 0,
      reference: 'greedy',
      scorers: ['json'],
    })
    expect(comparison.settings).toEqual({ max_new_tokens: 8 })
    expect(comparison.strategies.at(-1)?.settings).toEqual({ num_beams: 2, do_sample: false })
    expect(comparison.command).toMatch(
      /^llm compare --json \S+prompts\.txt --device cpu .* -s medusa:nodes=6,lookup=true /,
    )
    expect(comparison.model).toMatchObject({ name: 'built-in', dtype: 'fp32', device: 'cpu' })
    expect(comparison.model.fingerprint).toMatch(/^[0-9a-f]{64}$/)
    expect(comparison.prompts.map(({ id, text }) => [id, text])).toEqual([
      ['1', 'Once upon a time'],
      ['2', 'Tom and his dog'],
    ])
    expect(comparison.strategies.map(({ name }) => name)).toEqual(strategies)
    for (const strategy of comparison.strategies) expectWhole(strategy)
  })

  function expectWhole(strategy: StrategyResult): void {
    expect(Object.keys(strategy).sort()).toEqual(Object.keys(strategyWith('')).sort())
    const { tokens_per_second, time_to_first_token, speed_ratio } = strategy
    for (const { median, low, high } of [tokens_per_second, time_to_first_token, speed_ratio]) {
      expect(low).toBeGreaterThan(0)
      expect(median).toBeGreaterThanOrEqual(low)
      expect(high).toBeGreaterThanOrEqual(median)
    }
    expect(strategy.outputs.map(({ id, tokens, runs }) => [id, tokens, runs.length])).toEqual([
      ['1', 8, 2],
      ['2', 8, 2],
    ])
    expect(strategy.token_times).toHaveLength(7)
    expect(strategy.scores).toEqual({ json: 0 })
    expect(strategy.lossy).toBe(false)
    if (process.platform === 'linux') expect(strategy.peak_memory).toBeGreaterThan(20e6)
  }

  test('of which the reference is itself, and drafts change no text', () => {
    const [greedy, ...others] = comparison.strategies
    expect(greedy.speed_ratio).toEqual({ median: 1, low: 1, high: 1 })
    expect([greedy.identical, greedy.tokens_per_forward]).toEqual([1, 1])
    expect(greedy.acceptance_by_depth).toBeNull()
    for (const { identical, outputs, mean_log_probability } of others.slice(0, 3)) {
      expect(identical).toBe(1)
      expect(outputs.map(({ text, differs_at }) => [text, differs_at])).toEqual(
        greedy.outputs.map(({ text }) => [text, null]),
      )
      expect(mean_log_probability).toBe(greedy.mean_log_probability)
    }
    const [medusa, speculative, , beam] = others
    expect(speculative.tokens_per_forward).toBeGreaterThan(1)
    expect(medusa.acceptance_by_depth?.length).toBeGreaterThan(0)
    expect(medusa.draft_time).toBeGreaterThan(0)
    // What a search is for.
    expect(beam.mean_log_probability).toBeGreaterThanOrEqual(greedy.mean_log_probability - 1e-6)
  })

  test('give the same texts again', async () => {
    const texts = ({ strategies }: Comparison) =>
      strategies.map(({ outputs }) => outputs.map(({ text }) => text))
    expect(texts(await result())).toEqual(texts(comparison))
  })
})

describe('a comparison', () => {
  const greedyAndSample = ['-s', 'greedy', '-s', 'sample', '--max-new-tokens', '6', ...one]

  test('shows a table, or Markdown in its place', async () => {
    const table = await runClass('compare', [prompts, ...on(tiny), ...greedyAndSample])
    expect(table.code).toBe(0)
    expect(table.stdout).toMatch(/^strategy +tok\/s +speed .*\ngreedy +\d/)
    expect(table.stdout).not.toContain('\u001b')
    const markdown = await runClass('compare', [prompts, ...on(tiny), ...greedyAndSample, '--markdown', '-'])
    expect(markdown.stdout).toMatch(/^# Comparison of strategies\n\n\| strategy \| tok\/s \|/)
  })

  test('writes files whole', async () => {
    const [page, document] = [join(home, 'page.html'), join(home, 'report.md')]
    await compare([prompts, ...on(tiny), ...greedyAndSample, '--html', page, '--markdown', document])
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>/i)
    expect(readFileSync(document, 'utf8')).toMatch(/^# Comparison/)
  })

  test('is shown where it cannot be written', async () => {
    // The strategy makes a directory where the report is to go, once the comparison has begun.
    const [output, page] = [join(home, 'lost.json'), join(home, 'kept.html')]
    const module = file(
      `import { mkdirSync } from 'node:fs'\nexport const createDrafter = () => { mkdirSync(${JSON.stringify(output)}, { recursive: true }); return { draft: () => ({ tokens: [], parents: [] }) } }`,
      'lost.mjs',
    )
    const args = [prompts, ...on(tiny), '-s', `custom=${module}`, '--max-new-tokens', '3', ...one]
    const { code, stdout, stderr } = await llm.run(['compare', ...args, '-o', output, '--html', page])
    expect(stderr).toBe(`Error: Cannot write ${output}: it is a directory.\n`)
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ format: 'llm-compare/1', repetitions: 1 })
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>/i)
  })

  test('draws by its seed', async () => {
    const sample = ['-s', 'sample:top_k=0', '--max-new-tokens', '6', ...one]
    const text = async (seed: string) =>
      (await compare([prompts, ...on(tiny), ...sample, '--seed', seed])).strategies[0].outputs[0].text
    expect(await text('1')).toBe(await text('1'))
    expect(await text('1')).not.toBe(await text('2'))
  })

  test('takes a plan, over which flags win, and rows with what is expected', async () => {
    const rows = file('{"id": "x", "prompt": "hello", "expected": "no"}\n', 'rows.jsonl')
    const plan = file(
      `prompts: ${rows}\nsettings: {max_new_tokens: 9}\nstrategies:\n  - {kind: greedy, name: plain}\nscorers: [exact]\n`,
      'plan.yaml',
    )
    const args = [
      '--plan',
      plan,
      ...on(tiny),
      '-s',
      'beam',
      '--reference',
      'beam',
      ...one,
      '--score',
      'regex:/./s',
    ]
    const comparison = await compare([...args, '--max-new-tokens', '4'])
    expect(comparison.strategies.map(({ name, specification }) => [name, specification])).toEqual([
      ['plain', 'greedy'],
      ['beam', 'beam'],
    ])
    expect(comparison.strategies[0].outputs[0]).toMatchObject({
      id: 'x',
      tokens: 4,
      scores: { exact: 0, 'regex:/./s': 1 },
    })
    expect([comparison.reference, comparison.scorers]).toEqual(['beam', ['exact', 'regex:/./s']])
  })

  test('marks what is not the model’s own, and takes a strategy of the user’s', async () => {
    const custom = file(
      'export const strategy = async function* ({ model, cache, prompt, limit }) { for (let i = prompt.length; i < limit; i++) yield { choices: [{ token: 70, logits: new Float32Array(model.vocabSize), scores: new Float32Array(model.vocabSize), hidden: new Float32Array(model.hiddenSize) }], drafted: 0, accepted: 0 } }',
      'own.mjs',
    )
    const args = [prompts, ...on(tiny), '-s', 'greedy', '-s', `custom=${custom}:name=own`, ...one]
    const [greedy, own] = (await compare([...args, '--max-new-tokens', '3'])).strategies
    expect([greedy.lossy, own.lossy]).toEqual([false, true])
    expect(own.mean_log_probability).toBeLessThan(greedy.mean_log_probability)
    expect(own.identical).toBe(0)
    expect(own.distinct[0]).toBe(1 / 6)
  })

  test('tells of texts that differ from run to run', async () => {
    const module = file(
      'let runs = 0\nexport const strategy = async function* ({ model, prompt, limit }) { const token = 70 + ++runs; for (let i = prompt.length; i < limit; i++) yield { choices: [{ token, logits: new Float32Array(model.vocabSize), scores: new Float32Array(model.vocabSize), hidden: new Float32Array(model.hiddenSize) }], drafted: 0, accepted: 0 } }',
      'unsteady.mjs',
    )
    const args = [prompts, ...on(tiny), '-s', `custom=${module}:name=own`, '--max-new-tokens', '3']
    const { code, stderr } = await runClass('compare', args)
    expect(code).toBe(0)
    expect(stderr).toContain(
      'own wrote other texts in later runs for 1, 2: those of the first run are reported.',
    )
  })

  test('that is interrupted keeps the repetitions that are whole', async () => {
    // Interrupts in the third repetition: its fifth run.
    const module = file(
      'let runs = 0\nexport const createDrafter = () => { if (++runs === 5) process.kill(process.pid, "SIGINT"); return { draft: () => ({ tokens: [], parents: [] }) } }',
      'interrupt.mjs',
    )
    const output = join(home, 'interrupted.json')
    const args = [
      prompts,
      ...on(tiny),
      '-s',
      'greedy',
      '-s',
      `custom=${module}`,
      '--max-new-tokens',
      '4',
      '-o',
      output,
    ]
    const { code, stderr, stdout } = await llm.run([
      'compare',
      ...args,
      '--warm-up',
      '0',
      '--repetitions',
      '9',
    ])
    expect(stderr).toContain('Interrupted: 2 of 9 repetitions are kept.')
    expect(code).toBe(130)
    expect(stdout).toContain('2 prompts, 2 runs each')
    const { repetitions, strategies } = await readComparison(output)
    expect([
      repetitions,
      ...strategies.flatMap(({ outputs }) => outputs.map(({ runs }) => runs.length)),
    ]).toEqual([2, 2, 2, 2, 2])
  })

  test('that is interrupted before writes nothing', async () => {
    const module = file(
      'process.kill(process.pid, "SIGINT")\nexport const createDrafter = () => ({ draft: () => ({ tokens: [], parents: [] }) })',
      'now.mjs',
    )
    const output = join(home, 'nothing.json')
    const run = await llm.run(['compare', prompts, ...on(tiny), '-s', `custom=${module}`, '-o', output])
    expect([run.code, run.stdout, existsSync(output)]).toEqual([130, '', false])
    expect(run.stderr).toBe('Error: Interrupted.\n')
  })
})

describe('--from', () => {
  test('puts earlier runs side by side, and fails on regressions where it is asked to', async () => {
    const args = [prompts, ...on(tiny), '-s', 'greedy', '--max-new-tokens', '6', ...one]
    const before = join(home, 'before.json')
    const comparison = await compare([...args, '-o', before])
    const slower = (factor: number) =>
      file(
        JSON.stringify({
          ...comparison,
          strategies: comparison.strategies.map((strategy) => ({
            ...strategy,
            tokens_per_second: { median: factor, low: factor, high: factor },
          })),
        }),
      )
    const [worse, better] = [slower(1e-6), slower(1e9)]
    const from = (later: string, ...more: string[]) => runClass('compare', ['--from', before, later, ...more])
    const shown = await from(worse)
    expect(shown.code).toBe(0)
    expect(shown.stdout).toMatch(/^Regression: greedy has fallen from .* tok\/s in .*before\.json/m)
    expect((await llm.run(['compare', '--from', before, worse, '--fail-on-regression'])).code).toBe(1)
    expect((await llm.run(['compare', '--from', before, better, '--fail-on-regression'])).code).toBe(0)
    const { stdout } = await from(better, '--json')
    expect(JSON.parse(stdout)).toEqual({ comparisons: [comparison, expect.anything()], regressions: [] })
    expect((await from(worse, '--markdown', '-')).stdout).toContain('| slower |')
  })
})

const tinyRun = (...args: string[]) => [prompts, ...on(tiny), ...args]
const noExpected = file('{"prompt": "a"}', 'no-expected.jsonl')
const noComparison = file('{"format": "llm-compare/1"}', 'no-comparison.json')
const refused: Omit<BadInput, 'command'>[] = [
  { name: 'no strategies', args: tinyRun(), code: 2, says: /^There are no strategies: / },
  {
    name: 'no prompts',
    args: on(tiny, '-s', 'greedy'),
    code: 2,
    says: 'There are no prompts: give a file with one a line.',
  },
  {
    name: 'no such file',
    args: ['no.txt', '-s', 'greedy'],
    code: 1,
    says: /^no\.txt cannot be read: /,
  },
  {
    name: 'an unknown kind',
    args: tinyRun('-s', 'beem'),
    code: 2,
    says: /^"beem" in beem is no kind of strategy/,
  },
  {
    name: 'two of a name',
    args: tinyRun('-s', 'greedy', '-s', 'greedy'),
    code: 2,
    says: /^There are two strategies with the name greedy/,
  },
  {
    name: 'an unknown reference',
    args: tinyRun('-s', 'greedy', '--reference', 'beam'),
    code: 2,
    says: '--reference is beam, but the strategies are greedy.',
  },
  {
    name: 'a setting that contradicts a kind',
    args: tinyRun('-s', 'greedy', '--do-sample'),
    code: 2,
    says: 'do_sample is true in the flags, but greedy sets it to false.',
  },
  {
    name: 'more texts than one a prompt',
    args: tinyRun('-s', 'sample:num_return_sequences=2'),
    code: 2,
    says: 'num_return_sequences is 2 in sample:num_return_sequences=2, but sample:num_return_sequences=2 sets it to 1.',
  },
  {
    name: 'another mode than the kind’s',
    args: tinyRun('-s', 'greedy:penalty_alpha=0.6,top_k=4'),
    code: 2,
    says: 'The settings of greedy:penalty_alpha=0.6,top_k=4 ask for contrastive_search, but greedy is for greedy_search.',
  },
  {
    name: 'a field without effect',
    args: tinyRun('-s', 'greedy:temperature=0.5'),
    code: 2,
    says: /^greedy:temperature=0\.5: .*temperature/,
  },
  {
    name: 'a contradiction in one strategy, which it names',
    args: tinyRun('-s', 'greedy:best_of=2'),
    code: 2,
    says: /^greedy:best_of=2: best_of is 2 while do_sample is false/,
  },
  {
    name: 'a word that is no bias',
    args: tinyRun('-s', 'greedy:logit_bias=th'),
    code: 2,
    says: /^logit_bias in greedy:logit_bias=th cannot be "th": give an object/,
  },
  {
    name: 'a bias of a token beyond the vocabulary',
    args: tinyRun('-s', 'greedy', '-s', 'greedy:logit_bias=4000=1'),
    code: 2,
    says: /^greedy:logit_bias=4000=1, prompt 1: logit_bias names the token 4000/,
  },
  {
    name: 'a setting that no strategy has use for',
    args: tinyRun('-s', 'greedy', '-s', 'beam', '--temperature', '0.5'),
    code: 2,
    says: /temperature/,
  },
  {
    name: 'a setting of the output',
    args: tinyRun('-s', 'greedy:output_scores=true'),
    code: 2,
    says: /^output_scores in .* has no effect on a comparison/,
  },
  {
    name: 'lookup where acceptance is typical',
    args: tinyRun('-s', 'medusa:lookup=true,typical_acceptance=true'),
    code: 2,
    says: /^lookup in medusa:lookup=true,typical_acceptance=true has no effect/,
  },
  {
    name: 'heads that are not there',
    args: tinyRun('-s', 'medusa'),
    code: 2,
    says: /^medusa: there are no Medusa heads in .*: give some with heads=DIR/,
  },
  {
    name: 'nothing to compare with',
    args: [noExpected, '-s', 'greedy', '--score', 'exact'],
    code: 2,
    says: /^Line 1 of .* has no text "expected", which exact needs\.$/,
  },
  {
    name: 'an unknown scorer',
    args: tinyRun('-s', 'greedy', '--score', 'best'),
    code: 2,
    says: /^"best" is no scorer/,
  },
  {
    name: 'no directory to write to',
    args: tinyRun('-s', 'greedy', '-o', join(home, 'no/out.json')),
    code: 2,
    says: /cannot be written: there is no directory/,
  },
  {
    name: 'a directory to write to',
    args: tinyRun('-s', 'greedy', '--html', home),
    code: 2,
    says: /cannot be written: it is a directory\.$/,
  },
  {
    name: 'two reports in one file',
    args: tinyRun('-s', 'greedy', '--html', join(home, 'x'), '-o', join(home, '.', 'x')),
    code: 2,
    says: /^Two reports would be written to /,
  },
  {
    name: 'a file that is no comparison',
    args: ['--from', noComparison],
    code: 2,
    says: /no-comparison\.json is no comparison: give what llm compare wrote/,
  },
  {
    name: 'a text that is no comparison',
    args: ['--from', prompts],
    code: 2,
    says: /prompts\.txt is no comparison/,
  },
  {
    name: '--from with what is measured',
    args: ['--from', noComparison, '--top-k', '3'],
    code: 2,
    says: /^--top-k has no effect with --from/,
  },
  {
    name: 'a prompt that is too long',
    args: [file(`${'a '.repeat(5000)}\n`, 'long.txt'), ...on(tiny, '-s', 'greedy')],
    code: 2,
    says: /^Prompt 1: The prompt has \d+ /,
  },
]
testRefusals(
  'a comparison is refused for',
  refused.map((row) => ({ ...row, command: 'compare' })),
)
