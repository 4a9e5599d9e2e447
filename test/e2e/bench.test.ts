import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { BenchJson } from '../../src/bench/bench.js'
import { isolateEnvironment, on, runClass, temporaryDirectory } from './cli.js'
import { expectRefusal } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const model = writeTextModel(join(home, 'model'))

isolateEnvironment(home)

describe('llm bench', () => {
  test('measures the built-in model and its drafters', async () => {
    const svg = join(home, 'bench.svg')
    const args = [
      '--device',
      'cpu',
      '--context',
      '48,16',
      '--tokens',
      '2,4',
      '--seconds',
      '1',
      '--threads',
      '1',
    ]
    const { code, stdout } = await runClass('bench', [...args, '--svg', svg, '--json'])
    expect(code).toBe(0)
    const result: BenchJson = JSON.parse(stdout)
    expect(result).toMatchObject({
      format: 'llm-bench/1',
      command: `llm bench ${args.join(' ')} --svg ${svg} --json`,
      seed: 0,
      machine: { threads: 1 },
      versions: { node: process.versions.node },
      model: { name: 'built-in', dtype: 'fp32', device: 'cpu' },
    })
    expect(result.rounds.forwards).toBeGreaterThanOrEqual(3)
    expect(result.contexts.map(({ context }) => context)).toEqual([16, 48])
    for (const figures of result.contexts) {
      expect(figures.prefill_tokens_per_second).toBeGreaterThan(0)
      expect(figures.bytes_per_second).toBeCloseTo(
        figures.bytes_per_token * figures.decode_tokens_per_second,
        0,
      )
      expect(figures.bandwidth_share).toBeCloseTo(figures.bytes_per_second / result.memory_bandwidth!, 9)
    }
    expect(result.forwards.passes.map(({ tokens }) => tokens)).toEqual([1, 2, 4])
    expect(result.forwards.passes[0].relative).toBe(1)
    expect(result.drafters.map(({ name }) => name)).toEqual([
      'medusa',
      'mtp',
      'speculative',
      'lookup',
      'recycling',
    ])
    for (const drafter of result.drafters) {
      expect(drafter).toMatchObject({ same_text: true })
      expect(drafter.acceptance ?? 0).toBeLessThanOrEqual(1)
      expect(drafter.tokens_per_pass).toBeGreaterThanOrEqual(1)
      expect(drafter.expected.map(({ acceptance }) => acceptance)).toContain(0.7)
    }
    const chart = readFileSync(svg, 'utf8')
    expect(chart).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
    for (const name of ['medusa', 'speculative', 'decoded tok/s', 'relative cost'])
      expect(chart).toContain(name)
  })

  test('is a table for a reader', async () => {
    const { code, stdout, stderr } = await runClass('bench', on(model, '--seconds', '1', '--context', '32'))
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^context +prefill tok\/s +decode tok\/s .*\n32 /)
    expect(stdout).toMatch(/^tokens +1 +2 +4 +8 +16 +32$/m)
    expect(stdout).toMatch(/^greedy +\S+ +1\.00× /m)
    expect(stdout).toMatch(/^lookup /m)
    expect(stdout).toMatch(/^On these prompts .+\.$/m)
    expect(stdout).toContain('random tokens of seed 0')
  })

  test.each<[args: string[], code: 1 | 2, says: RegExp]>([
    [
      ['--context', '120'],
      2,
      /A context of 120 tokens and 16 decoded ones do not fit .* 128 positions: .*--context/,
    ],
    [['--context', '16,x'], 2, /^--context cannot be 16,x: give numbers of tokens, such as 128,512\.$/],
    [['--tokens', '0'], 2, /^--tokens cannot be 0: /],
    [['--tokens', '100', '--context', '64'], 2, /A pass of 100 tokens after 64 .*--tokens/],
    [['--svg', join(home, 'none/bench.svg')], 1, /^Cannot write \S+bench\.svg: /],
  ])('refuses %j', async (args, code, says) => {
    expectRefusal(await runClass('bench', on(model, ...args)), { code, says })
  })
})
