import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { GenerationJson } from '../../src/cli/generate/json.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { fileWriter, isolateEnvironment, Llm, on, runClass, temporaryDirectory } from './cli.js'
import { json, text } from './generation.js'
import { dictation, writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)
const model = writeTextModel(join(home, 'model'))
const tokenizer = await loadTokenizer(model)

isolateEnvironment(home)

const args = (...more: string[]) => on(model, 'hello', '--max-new-tokens', '12', ...more)
const without = ({ config, statistics, ...rest }: GenerationJson) => rest

describe('llm generate beam', () => {
  test('has four beams, and is what --num-beams asks for', async () => {
    const result = await json(args('--output-scores'), 'generate beam')
    expect(result.config.num_beams).toBe(4)
    expect(result.beam_indices).toHaveLength(result.ids.length)
    const sum = result.transition_scores!.reduce((a, b) => a + b, 0)
    expect(sum / result.ids.length).toBeCloseTo(result.sequence_score!, 4)
    expect(without(await json(args('--num-beams', '4', '--output-scores')))).toEqual(without(result))
    expect(await text(args(), 'generate beam')).toBe(result.text)
  })

  test('gives several beams, best first, with their scores', async () => {
    const { sequences } = await json(
      args('--num-return-sequences', '3', '--length-penalty', '0'),
      'generate beam',
    )
    const scores = sequences!.map(({ sequence_score }) => sequence_score!)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
    expect(new Set(sequences!.map(({ ids }) => ids.join())).size).toBe(3)
    const printed = await text(args('--num-return-sequences', '3', '--length-penalty', '0'), 'generate beam')
    for (const one of sequences!) expect(printed).toContain(one.text)
  })

  test('draws beams with a seed', async () => {
    const drawn = async (seed: string) =>
      (await json(args('--do-sample', '--seed', seed), 'generate beam')).ids
    expect(await drawn('1')).toEqual(await drawn('1'))
    expect(await drawn('1')).not.toEqual(await drawn('2'))
  })

  test('forces words, and has groups', async () => {
    const { ids } = await json(args('--force-words-ids', '[[40, 41]]'), 'generate beam')
    expect(ids.join()).toContain('40,41')
    const groups = [
      '--num-beams',
      '4',
      '--num-beam-groups',
      '2',
      '--diversity-penalty',
      '5',
      '--num-return-sequences',
      '4',
    ]
    const { sequences } = await json(args(...groups), 'generate beam')
    expect(new Set(sequences!.map((one) => one.ids[0])).size).toBeGreaterThan(1)
  })

  test('is not for what is no beam search', async () => {
    const { stderr, code } = await runClass('generate beam', args('--num-beams', '1'))
    expect(stderr).toMatch(
      /^Error: The settings ask for greedy_search, but `.+` is for beam_search, .*: use `llm generate`\.\n$/,
    )
    expect(code).toBe(2)
  })

  test('refuses settings that contradict one another', async () => {
    const { stderr, code } = await runClass('generate beam', args('--num-beam-groups', '2'))
    expect([stderr, code]).toEqual([
      'Error: num_beam_groups is 2 while diversity_penalty is 0, but all groups would be alike: set diversity_penalty above 0.\n',
      2,
    ])
  })
})

test('llm generate contrastive is what --penalty-alpha and --top-k ask for', async () => {
  const result = await json(args(), 'generate contrastive')
  expect(result.config).toMatchObject({ penalty_alpha: 0.6, top_k: 4 })
  expect((await json(args('--penalty-alpha', '0.6', '--top-k', '4'))).ids).toEqual(result.ids)
  expect((await json(args())).ids).not.toEqual(result.ids)
})

test('llm generate dola is what --dola-layers asks for, with sampling too', async () => {
  const high = await json(args('--dola-layers', 'high'), 'generate dola')
  expect((await json(args('--dola-layers', '[1]'))).ids).toEqual(high.ids)
  expect((await json(args())).ids).not.toEqual(high.ids)
  const drawn = ['--dola-layers', '[0, 2]', '--do-sample', '--seed', '1', '--num-return-sequences', '2']
  const { sequences } = await json(args(...drawn), 'generate dola')
  expect(sequences![0].ids).not.toEqual(sequences![1].ids)
  expect((await json(args(...drawn))).sequences!.map(({ ids }) => ids)).toEqual(
    sequences!.map(({ ids }) => ids),
  )
  const { stderr, code } = await runClass('generate dola', args('--dola-layers', '[0, 3]'))
  expect([stderr, code]).toEqual([
    'Error: dola_layers names layer 3, but the exits of this model are 0 to 2.\n',
    2,
  ])
})

test('--token-healing lets the first token spell the end of the prompt', async () => {
  const healed = await json(on(model, 'hello', '--max-new-tokens', '3', '--token-healing'))
  expect(healed.ids.length).toBeLessThanOrEqual(4)
  expect(healed.config.token_healing).toBe(true)
})

describe('--strategy', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/strategies/custom.md'), 'utf8')
  const [drafter, strategy] = [...page.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code)

  test('the documented drafter drafts, and leaves the text as it is', async () => {
    const path = file(drafter, 'ngram-drafter.mjs')
    expect(drafter.trim().split('\n').length).toBeLessThanOrEqual(23)
    const said = file(dictation(tokenizer, '>', 'tick tock, tick tock, tick tock, tick tock'))
    const repeated = on(model, '>', '--config', said)
    for (const chance of [[], ['--do-sample', '--seed', '3', '--top-k', '2']]) {
      const plain = await json([...repeated, ...chance])
      const drafted = await json([...repeated, ...chance, '--strategy', path])
      expect(drafted.ids).toEqual(plain.ids)
      expect(drafted.statistics.accepted_tokens).toBeGreaterThan(15)
      expect(drafted.statistics.steps).toBe(plain.ids.length - drafted.statistics.accepted_tokens)
    }
  })

  test('a drafter has the hidden states that it names, and is told to name others', async () => {
    const draft =
      "draft: (_, { hidden }) => { console.error('hidden:', hidden.length); return { tokens: [], parents: [] } }"
    const naming = file(`export const createDrafter = () => ({ states: ['hidden'], ${draft} })`, 'naming.mjs')
    expect((await runClass('generate', args('--strategy', naming))).stderr).toMatch(/hidden: [1-9]/)
    const silent = file(`export const createDrafter = () => ({ ${draft} })`, 'silent.mjs')
    const { code, stderr } = await runClass('generate', args('--strategy', silent))
    expect(code).toBe(1)
    expect(stderr).toContain('left out the hidden states: a drafter that reads them names them in its states')
  })

  test('the documented strategy decodes', async () => {
    const path = file(strategy, 'second-best.mjs')
    const plain = await json(args())
    const own = await json(args('--strategy', path))
    expect(own.ids).toHaveLength(plain.ids.length)
    expect(own.ids).not.toEqual(plain.ids)
  })

  test.each([
    [
      'nowhere.mjs',
      undefined,
      2,
      'There is no strategy at .*nowhere.mjs: give the path of a JavaScript module.',
    ],
    [
      'nothing.mjs',
      'export const other = 1',
      2,
      '.*nothing.mjs exports neither of strategy and createDrafter: export one of them.',
    ],
    ['both.mjs', 'export const strategy = () => {}, createDrafter = strategy', 2, '.* exports both of .*'],
    [
      'number.mjs',
      'export const strategy = 1',
      2,
      'strategy of .*number.mjs is no function: see docs/strategies/custom.md.',
    ],
    ['broken.mjs', 'export const = 1', 1, 'The strategy .*broken.mjs cannot be imported: .*'],
    [
      'failing.mjs',
      'throw new Error("on import")',
      1,
      'The strategy .*failing.mjs cannot be imported: on import',
    ],
  ])('%s is refused', async (name, code, exit, message) => {
    const path = code === undefined ? join(home, name) : file(code, name)
    const run = await runClass('generate', args('--strategy', path))
    expect(run.stderr).toMatch(new RegExp(`^Error: ${message}\n$`))
    expect(run.code).toBe(exit)
  })

  test('has the classes of the command that runs it, built as they are', async () => {
    const library = pathToFileURL(join(import.meta.dirname, '../../dist/index.js'))
    const code = `import { UserError } from '${library}'
      export function createDrafter() { throw new UserError('Not on Mondays.', 2) }`
    const run = await new Llm(home).run(['generate', ...args('--strategy', file(code, 'choosy.mjs'))])
    expect(run).toEqual({ code: 2, stdout: '', stderr: 'Error: Not on Mondays.\n' })
  })

  test('has no place among beams', async () => {
    const path = file(drafter, 'drafter.mjs')
    const { stderr, code } = await runClass('generate', args('--strategy', path, '--num-beams', '2'))
    expect([stderr, code]).toEqual([
      'Error: The settings ask for beam_search, which a drafter of your own cannot serve: leave one out.\n',
      2,
    ])
  })
})

describe('llm generate lookup', () => {
  test('writes what greedy decoding writes, with drafts from the prompt', async () => {
    const repeated = on(model, 'hello hello hello', '--max-new-tokens', '40')
    const { ids } = await json(repeated)
    const looked = await json([...repeated, '--prompt-lookup-num-tokens', '3'], 'generate lookup')
    expect(looked.ids).toEqual(ids)
    const { drafted_tokens, accepted_tokens, acceptance_by_depth, draft_time, verify_time } =
      looked.statistics
    expect(drafted_tokens).toBeGreaterThan(accepted_tokens)
    expect(acceptance_by_depth.length).toBeLessThanOrEqual(3)
    // Either is measured; which takes longer is the machine's.
    expect(verify_time).toBeGreaterThan(0)
    expect(draft_time).toBeGreaterThan(0)
    // As many tokens as pay: how many these are depends on the machine, and the text does not.
    expect((await json(repeated, 'generate lookup')).ids).toEqual(ids)
  })

  test('tells beside plain decoding how fast it is', async () => {
    const compared = on(model, 'hello hello hello', '--baseline', '--do-sample', '--seed', '2')
    const { baseline, statistics } = await json(compared, 'generate lookup')
    expect(baseline!.same_text).toBe(true)
    const { tokens_per_second } = statistics
    expect(baseline!.speedup).toBeCloseTo(tokens_per_second / baseline!.tokens_per_second, 5)
    const { stderr } = await runClass('generate lookup', compared)
    expect(stderr).toMatch(
      /\nPlain decoding: [\d.]+ tok\/s; drafts are [\d.]+ times as fast, with the same text\.\n$/,
    )
    const nothing = await runClass('generate', args('--baseline'))
    expect([nothing.code, nothing.stderr]).toEqual([
      2,
      expect.stringMatching(/^Error: --baseline compares drafts/),
    ])
  })

  test('draws what sampling draws', async () => {
    const drawn = args('--do-sample', '--seed', '3')
    expect((await json(drawn, 'generate lookup')).ids).toEqual((await json(drawn)).ids)
  })
})

describe('llm generate speculative', () => {
  const draft = writeTextModel(join(home, 'draft'))

  test('writes what greedy decoding writes, with its draft accepted where the draft is the model', async () => {
    const chosen = [
      '--assistant-model',
      draft,
      '--assistant-confidence-threshold',
      '0',
      '--num-assistant-tokens',
      '3',
    ]
    const result = await json(args(...chosen), 'generate speculative')
    expect(result.ids).toEqual((await json(args())).ids)
    // The first pass decodes one token, and each later one four.
    expect(result.statistics).toMatchObject({ steps: 4, drafted_tokens: 8, accepted_tokens: 8 })
    expect((await json(args(...chosen))).statistics).toMatchObject({ accepted_tokens: 8 })
  })

  test('drafts trees with --draft-nodes, which leave sampled text as it is, too', async () => {
    const tree = ['--assistant-model', draft, '--draft-nodes', '12', '--num-assistant-tokens', '4']
    for (const mode of [[], ['--do-sample', '--seed', '3', '--num-return-sequences', '2']]) {
      const plain = await json(args(...mode))
      const drafted = await json(args(...tree, ...mode), 'generate speculative')
      expect(drafted.ids).toEqual(plain.ids)
      expect(drafted.sequences?.map(({ ids }) => ids)).toEqual(plain.sequences?.map(({ ids }) => ids))
      expect(drafted.statistics.accepted_tokens).toBeGreaterThan(3)
      expect(drafted.statistics.drafted_tokens).toBeGreaterThan(2 * drafted.statistics.accepted_tokens)
    }
  })

  test('drafts with a model of other tokens, and says so', async () => {
    const other = writeTextModel(join(home, 'bytes'))
    const path = join(other, 'tokenizer.json')
    const { model: bpe, ...rest } = JSON.parse(readFileSync(path, 'utf8'))
    const bytes = Object.entries(bpe.vocab as Record<string, number>).filter(
      ([token]) => [...token].length === 1,
    )
    // Bytes alone, in another order.
    const vocab = Object.fromEntries(bytes.map(([token, id]) => [token, 3 + (id % 256)]))
    const special = rest.added_tokens.map(({ content, id }: { content: string; id: number }) => [content, id])
    const tokens = { ...Object.fromEntries(special), ...vocab }
    writeFileSync(path, JSON.stringify({ ...rest, model: { ...bpe, vocab: tokens, merges: [] } }))
    const drafting = ['--assistant-model', other, '--assistant-confidence-threshold', '0']
    for (const mode of [[], ['--do-sample', '--seed', '3', '--num-return-sequences', '2']]) {
      const plain = await json(args(...mode))
      const { stdout, stderr } = await runClass('generate speculative', [
        ...args(...drafting, ...mode, '--target-lookbehind', '4'),
        '--json',
      ])
      const drafted: GenerationJson = JSON.parse(stdout)
      expect(drafted.ids).toEqual(plain.ids)
      expect(drafted.sequences?.map(({ ids }) => ids)).toEqual(plain.sequences?.map(({ ids }) => ids))
      expect(drafted.statistics.drafted_tokens).toBeGreaterThan(0)
      expect(stderr).toMatch(
        /^Drafts of \S+bytes are re-encoded for \S+model, since token 3 is .+ in one and .+ in the other\.\n$/,
      )
    }
  })

  test('tells how drafts fared', async () => {
    const { stderr } = await runClass(
      'generate speculative',
      args('--assistant-model', draft, '--num-assistant-tokens', '3'),
    )
    expect(stderr).toMatch(/ tok\/s · [\d.]+ tokens a pass · \d+% of drafts accepted · peak /)
  })

  test.each([
    ['no draft', [], /^Error: There is no draft model: give one with --assistant-model/],
    ['a draft that is not there', ['--assistant-model', join(home, 'none')], /There is no model at \S+none/],
    [
      'beams',
      ['--assistant-model', draft, '--config', file('{"num_beams": 2}', 'beams.json')],
      /num_beams is 2 in /,
    ],
    ['a tree without nodes', ['--draft-nodes', '0'], /--draft-nodes: Expected an integer greater than/],
    [
      'where the chain ends in a tree',
      ['--assistant-model', draft, '--draft-nodes', '8', '--assistant-confidence-threshold', '0.5'],
      /assistant_confidence_threshold in the flags has no effect on trees: draft chains, or leave it out/,
    ],
  ])('refuses %s', async (_, more, says) => {
    const { code, stderr } = await runClass('generate speculative', args(...more))
    expect([code, stderr]).toEqual([2, expect.stringMatching(says)])
  })
})

describe('llm generate recycling', () => {
  test.each([
    ['writes what greedy decoding writes', []],
    ['does so with prompt lookup beside it', ['--lookup']],
  ])('%s', async (_, more) => {
    const repeated = on(model, 'hello hello hello', '--max-new-tokens', '40')
    const result = await json([...repeated, ...more], 'generate recycling')
    expect(result.ids).toEqual((await json(repeated)).ids)
  })

  test('draws what sampling draws, top choices excluded', async () => {
    const xtc = ['--xtc-probability', '0.5', '--xtc-threshold', '0.01']
    const drawn = args('--do-sample', '--seed', '5', '--num-return-sequences', '2', ...xtc)
    const result = await json(drawn, 'generate recycling')
    const plain = await json(drawn)
    expect(result.sequences!.map(({ ids }) => ids)).toEqual(plain.sequences!.map(({ ids }) => ids))
    expect(plain.ids).not.toEqual((await json(args('--do-sample', '--seed', '5'))).ids)
  })
})

describe('--strategy auto', () => {
  const auto = (...more: string[]) => args('--strategy', 'auto', ...more)

  test('looks the prompt up where the model has nothing that drafts', async () => {
    const { stderr, stdout } = await runClass('generate', auto())
    expect(stderr).toContain('Drafts come from prompt lookup.\n')
    expect(stdout).toBe((await runClass('generate', args())).stdout)
  })

  test('takes a draft model that lies beside the model', async () => {
    const target = writeTextModel(join(home, 'with-draft'))
    writeTextModel(join(target, 'draft'))
    const run = await runClass('generate', on(target, 'hello', '--strategy', 'auto'))
    expect([run.code, run.stderr]).toEqual([
      0,
      expect.stringContaining('Drafts come from prompt lookup and a draft model.\n'),
    ])
    expect(run.stdout).toBe((await runClass('generate', on(target, 'hello'))).stdout)
  })

  test('leaves beams alone, and does not go with other drafts', async () => {
    const beams = await runClass('generate', auto('--num-beams', '2'))
    expect([beams.code, beams.stderr]).toEqual([
      0,
      expect.stringContaining('beam_search goes without drafts.'),
    ])
    for (const [command, more] of [
      ['generate', ['--prompt-lookup-num-tokens', '3']],
      ['generate lookup', []],
    ] as const) {
      const { code, stderr } = await runClass(command, auto(...more))
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/^Error: --strategy auto chooses what drafts/),
      ])
    }
  })
})

describe('llm generate early-exit', () => {
  test('writes what greedy decoding writes', async () => {
    for (const exit of ['1', '2']) {
      const exiting = ['--assistant-early-exit', exit, '--assistant-confidence-threshold', '0']
      const result = await json(args(...exiting, '--num-assistant-tokens', '3'), 'generate early-exit')
      expect(result.ids).toEqual((await json(args())).ids)
      expect(result.statistics.drafted_tokens).toBeGreaterThan(5)
    }
  })

  test('draws with the seed', async () => {
    const drawn = args('--assistant-early-exit', '2', '--do-sample', '--seed', '5')
    const result = await json(drawn, 'generate early-exit')
    expect((await json(drawn)).ids).toEqual(result.ids)
  })

  test.each([
    ['no layer', [], /There is no layer to exit from/],
    [
      'a layer that is not there',
      ['--assistant-early-exit', '9'],
      /no early exit after layer 9: this model has/,
    ],
    ['a draft model as well', ['--assistant-early-exit', '1', '--assistant-model', model], /both draft/],
  ])('refuses %s', async (_, more, says) => {
    const { code, stderr } = await runClass('generate early-exit', args(...more))
    expect([code, stderr]).toEqual([2, expect.stringMatching(says)])
  })
})
