import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ChatSession } from '../../src/chat/session.js'
import { loadModel } from '../../src/language-model/load.js'
import { fileWriter, isolateEnvironment, on, runClass, temporaryDirectory } from './cli.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)
const model = writeTextModel(join(home, 'model'))
const weak = writeTextModel(join(home, 'weak'), { config: { num_hidden_layers: 1 } })

isolateEnvironment(home)

const LENGTH = ['--max-new-tokens', '16']
const AMATEUR = ['--amateur-model', weak]

async function ids(args: readonly string[], command = 'generate'): Promise<number[]> {
  const { code, stdout, stderr } = await runClass(command, [
    '--json',
    ...on(model, 'hello', ...LENGTH, ...args),
  ])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout).ids
}

describe('--amateur-model', () => {
  test('is heeded by every way to decode that it goes with', async () => {
    const greedy = await ids(AMATEUR)
    expect(greedy).not.toEqual(await ids([]))
    expect(await ids([...AMATEUR, '--amateur-beta', '0.2'])).not.toEqual(greedy)
    expect(await ids(AMATEUR, 'generate lookup')).toEqual(greedy)
    expect(await ids([...AMATEUR, '--assistant-model', weak], 'generate speculative')).toEqual(greedy)
    expect(await ids(AMATEUR, 'generate beam')).not.toEqual(await ids([], 'generate beam'))
    const drawn = ['--do-sample', '--seed', '3']
    expect(await ids([...AMATEUR, ...drawn])).toEqual(
      await ids([...AMATEUR, ...drawn, '--prompt-lookup-num-tokens', '3']),
    )
  })

  test('is heeded by a batch, and part of what wrote its rows', async () => {
    const rows = file('{"prompt": "hello"}\n{"prompt": "the other", "dry_multiplier": 1}\n', 'rows.jsonl')
    const output = join(home, 'out.jsonl')
    const run = (...more: string[]) =>
      runClass('batch', [rows, ...on(model), '-o', output, '--return-dict-in-generate', ...LENGTH, ...more])
    const { code, stderr } = await run(...AMATEUR)
    expect(code, stderr).toBe(0)
    const [row] = readFileSync(output, 'utf8')
      .split('\n')
      .map((line) => line && JSON.parse(line))
    const { stdout } = await runClass('generate', ['--json', ...on(model, 'hello', ...LENGTH, ...AMATEUR)])
    expect(row.text).toBe(JSON.parse(stdout).text)
    const again = await run()
    expect(again.code).toBe(2)
    expect(again.stderr).toContain('amateur_model was')
  })

  test('is heeded by a comparison, for all strategies and for one', async () => {
    const prompts = file('{"prompt": "hello"}\n', 'prompts.jsonl')
    const compare = async (...more: string[]) => {
      const args = [prompts, ...on(model), ...LENGTH, '--repetitions', '1', '--warm-up', '0', ...more]
      const { code, stdout, stderr } = await runClass('compare', ['--json', ...args])
      expect(code, stderr).toBe(0)
      const { strategies } = JSON.parse(stdout)
      return strategies.map((strategy: { same_text: unknown; settings: object }) => strategy)
    }
    const [plain, contrasted] = await compare('-s', 'greedy', '-s', `greedy:amateur_model=${weak}`)
    expect(plain.settings).not.toHaveProperty('amateur_model')
    expect(contrasted.settings).toHaveProperty('amateur_model', weak)
    const [first, second] = await compare(...AMATEUR, '-s', 'greedy', '-s', 'lookup')
    for (const { settings } of [first, second]) expect(settings).toHaveProperty('amateur_model', weak)
  })

  test('is heeded by a chat', async () => {
    const [target, amateur] = [await loadModel(model), await loadModel(weak)]
    try {
      const answer = async (own: object) => {
        const session = await ChatSession.begin(target, {
          modelName: model,
          raw: true,
          sources: { load: () => Promise.reject(new Error('none')), costs: {} },
          settings: { max_new_tokens: 16 },
          ...own,
        })
        try {
          const tokens: number[] = []
          for await (const { ids } of session.send('hello')) tokens.push(...ids)
          if ('amateur' in own) {
            await expect(session.set('guidance_scale', '2')).rejects.toThrow('both replace the scores')
          }
          return tokens
        } finally {
          await session.dispose()
        }
      }
      expect(await answer({})).toEqual(await ids([]))
      expect(await answer({ amateur })).toEqual(await ids(AMATEUR))
      await expect(answer({ settings: { amateur_alpha: 0.5 } })).rejects.toThrow(
        'amateur_alpha in the settings of the chat has no effect without --amateur-model',
      )
    } finally {
      await Promise.all([target.dispose(), amateur.dispose()])
    }
  })

  test.each([
    [['--amateur-model', 'built-in'], 2, /is no amateur for .*, since one has \d+ tokens and the other 320/],
    [['--amateur-alpha', '0.2'], 2, 'amateur_alpha in the flags has no effect without an amateur model'],
    [[...AMATEUR, '--guidance-scale', '2'], 2, 'guidance_scale is 2 beside an amateur model'],
    [[...AMATEUR, '--penalty-alpha', '0.6'], 2, 'penalty_alpha is 0.6 beside an amateur model'],
  ])('%j is refused', async (args, exit, message) => {
    const { code, stderr } = await runClass('generate', on(model, 'hello', ...args))
    expect(code).toBe(exit)
    expect(stderr).toMatch(message)
  })
})

describe('flags of samplers', () => {
  test.each([
    [
      '--top-nsigma',
      ['--do-sample', '--seed', '1', '--top-nsigma', '0.5'],
      ['--do-sample', '--seed', '1', '--top-n-sigma', '0.5'],
    ],
    [
      '--mirostat-ent and --mirostat-lr',
      ['--do-sample', '--seed', '1', '--mirostat', '2', '--mirostat-ent', '2', '--mirostat-lr', '0.3'],
      ['--do-sample', '--seed', '1', '--mirostat', '2', '--mirostat-tau', '2', '--mirostat-eta', '0.3'],
    ],
    [
      '--dry-sequence-breaker',
      ['--dry-multiplier', '4', '--dry-allowed-length', '1', '--dry-sequence-breaker', 'none'],
      ['--dry-multiplier', '4', '--dry-allowed-length', '1', '--dry-sequence-breakers', 'none'],
    ],
  ])('%s', async (_, short, long) => {
    const result = await ids(short)
    expect(result).toEqual(await ids(long))
    expect(result).not.toEqual(await ids(long.filter((_, i) => i < 3 && long[0] === '--do-sample')))
  })

  test('--logit-bias takes objects and word=number, of ids and of words', async () => {
    const first = (await ids([]))[0]
    const forbidden = await ids(['--logit-bias', JSON.stringify({ [first]: false })])
    expect(forbidden[0]).not.toBe(first)
    for (const text of [`${first}=false`, `${first}-inf`]) {
      expect(await ids(['--logit-bias', text])).toEqual(forbidden)
    }
    const th = await ids(['--logit-bias', '{"th": 100}'])
    expect(th).toEqual(new Array(16).fill(th[0]))
    expect(await ids(['--logit-bias', 'th=100', '--logit-bias', `${first}=-100`])).toEqual(th)
  })

  test.each([
    [['--mirostat', '2'], 'mirostat is 2, but has no effect: set do_sample to true'],
    [['--mirostat', '1'], 'mirostat in the flags cannot be 1: give 0 or 2'],
    [['--repeat-last-n', '64'], 'repeat_last_n is 64, but has no effect'],
    [['--dry-base', '2'], 'dry_base is 2, but has no effect: set dry_multiplier'],
    [['--logit-bias', '{"4000": 1}'], "logit_bias names the token 4000, but the model's vocabulary has 320"],
    [['--logit-bias', 'th'], 'logit_bias in the flags cannot be ["th"]: give an object'],
    [['--logit-bias', 'th=1', '--logit-bias', 'th=2'], 'give "th" once'],
    [['--logit-bias', '{"th": 1'], 'it is not valid JSON: line 1, column 9: it ends too early'],
    [['--allowed-token-ids', '4000'], 'allowed_token_ids in the flags names the token 4000'],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await runClass('generate', on(model, 'hello', ...args))
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })
})
