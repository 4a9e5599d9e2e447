import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import type { GenerationJson } from '../../src/cli/generate/json.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { fileWriter, isolateEnvironment, on, runClass, temporaryDirectory } from './cli.js'
import { json } from './generation.js'
import { testRefusals } from './refusal.js'
import { dictation, writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)
const model = writeTextModel(join(home, 'model'))
const tokenizer = await loadTokenizer(model)
const corpora = join(home, 'cache/llm/corpora')

isolateEnvironment(home)

/** Hardly anything in it stands twice. */
const SAID = 'He gave up six jumbo waltz lyrics, my quick fox.'
const dictated = on(model, '>', '--config', file(dictation(tokenizer, '>', SAID)))
const OTHER = 'Nothing of the kind; 1234567890, 0987654321.'

/** What is generated with drafts from files, and what was said of reading them. */
async function drafted(
  files: readonly string[],
  ...more: string[]
): Promise<GenerationJson & { read: string }> {
  const corpus = files.flatMap((path) => ['--lookup-corpus', path])
  const { code, stdout, stderr } = await runClass('generate lookup', [
    ...corpus,
    ...dictated,
    // What pays depends on the machine.
    ...(more.includes('--prompt-lookup-num-tokens') ? [] : ['--prompt-lookup-num-tokens', '10']),
    ...more,
    '--json',
  ])
  expect(code, stderr).toBe(0)
  return { ...JSON.parse(stdout), read: stderr }
}

describe('--lookup-corpus', () => {
  test('drafts from its text what is accepted, and leaves the text as it is', async () => {
    const plain = await json(dictated, 'generate lookup')
    const { ids, text, statistics } = await drafted([file(`Before. >${SAID} After.`)])
    expect(text).toBe(SAID)
    expect(ids).toEqual(plain.ids)
    // All but the first pass have ten drafted tokens accepted, as far as there is text.
    expect(statistics.steps).toBe(1 + Math.ceil((ids.length - 1) / 11))
    expect(statistics.accepted_tokens).toBe(ids.length - statistics.steps)
    expect(plain.statistics.accepted_tokens).toBeLessThan(3)
    const other = await drafted([file(OTHER)])
    expect(other.ids).toEqual(ids)
    expect(other.statistics.accepted_tokens).toBeLessThan(5)
  })

  test('leaves drawn text as it is', async () => {
    const corpus = file(`${SAID} ${OTHER}`)
    const sampled = ['--do-sample', '--seed', '3', '--top-k', '2', '--num-return-sequences', '2']
    const plain = await json([...dictated, ...sampled])
    const { sequences, statistics } = await drafted([corpus], ...sampled)
    expect(sequences!.map(({ ids }) => ids)).toEqual(plain.sequences!.map(({ ids }) => ids))
    expect(statistics.accepted_tokens).toBeGreaterThan(20)
  })

  test.each([
    ['a text', [{ text: OTHER }, { text: SAID }], true],
    ['an answer after its prompt', [{ prompt: SAID.slice(0, 9), completion: SAID.slice(9) }], true],
    ['a message', [{ messages: [{ role: 'assistant', content: SAID }] }], true],
    ['no text', [{ text: OTHER }, { prompt: OTHER, completion: OTHER }], false],
  ])('takes %s of JSON Lines', async (name, lines, has) => {
    const path = file(lines.map((line) => JSON.stringify(line)).join('\n'), `${name}.jsonl`)
    const { statistics } = await drafted([path])
    if (has) expect(statistics.accepted_tokens).toBeGreaterThan(20)
    else expect(statistics.accepted_tokens).toBeLessThan(5)
  })

  test('takes a pipe', async () => {
    const pipe = join(home, 'pipe')
    execFileSync('mkfifo', [pipe])
    spawn('sh', ['-c', `cat "$0" > "$1"`, file(SAID, 'piped.txt'), pipe])
    expect((await drafted([pipe])).statistics.accepted_tokens).toBeGreaterThan(20)
  })

  test('takes several files, and the settings of prompt lookup', async () => {
    const files = [file(OTHER), file(SAID)]
    const { statistics, config } = await drafted(files)
    expect(config.prompt_lookup_num_tokens).toBe(10)
    expect(statistics.accepted_tokens).toBeGreaterThan(20)
    const few = await drafted(files, '--prompt-lookup-num-tokens', '1', '--max-matching-ngram-size', '1')
    expect(few.statistics.drafted_tokens).toBeLessThanOrEqual(few.statistics.steps)
    expect(few.statistics.accepted_tokens).toBeLessThan(statistics.accepted_tokens)
  })
})

describe('the index of a corpus', () => {
  test('is made once, and again when a file has changed', async () => {
    const path = file(OTHER, 'changing.txt')
    const first = await drafted([path])
    expect(first.read).toMatch(/^Reading \S+changing\.txt \(.+\)\nIndexing \d+ tokens\n$/)
    const again = await drafted([path])
    expect(again.read).toBe('')
    expect(again.statistics.drafted_tokens).toBe(first.statistics.drafted_tokens)
    writeFileSync(path, `${OTHER} ${SAID}`)
    const changed = await drafted([path])
    expect(changed.read).toMatch(/^Reading /)
    expect(changed.statistics.accepted_tokens).toBeGreaterThan(20)
    expect((await drafted([path])).statistics.accepted_tokens).toBe(changed.statistics.accepted_tokens)
  })

  test('is one for each tokenizer', async () => {
    const path = file(SAID)
    await drafted([path])
    const renamed = writeTextModel(join(home, 'renamed'))
    const own = JSON.parse(readFileSync(join(renamed, 'tokenizer.json'), 'utf8'))
    own.added_tokens[0].content = '<nothing>'
    own.model.vocab = { ...own.model.vocab, '<nothing>': 0 }
    delete own.model.vocab['<pad>']
    writeFileSync(join(renamed, 'tokenizer.json'), JSON.stringify(own))
    const args = on(renamed, '>', '--max-new-tokens', '2', '--lookup-corpus', path)
    expect((await runClass('generate lookup', args)).stderr).toMatch(/^Reading /)
    expect((await drafted([path])).read).toBe('')
  })

  test('is made again where its file is not whole', async () => {
    const path = file(SAID)
    const before = new Set(readdirSync(corpora))
    const whole = await drafted([path])
    const [name] = readdirSync(corpora).filter((each) => !before.has(each))
    for (const size of [0, 3, 40]) {
      truncateSync(join(corpora, name), size)
      const again = await drafted([path])
      expect(again.read).toMatch(/^Reading /)
      expect(again.statistics.accepted_tokens).toBe(whole.statistics.accepted_tokens)
    }
    expect((await drafted([path])).read).toBe('')
    expect(readdirSync(corpora).filter((each) => each.endsWith('.tmp'))).toEqual([])
  })

  test('is an error where it cannot be kept', async () => {
    vi.stubEnv('XDG_CACHE_HOME', file('no directory'))
    const { code, stderr } = await runClass('generate lookup', [...dictated, '--lookup-corpus', file(SAID)])
    expect(code).toBe(1)
    expect(stderr).toMatch(/\nError: Cannot write \S+corpora: .+\.\n$/)
  })
})

const good = file(SAID)
const refuse = (...args: string[]) => on(model, '>', '--lookup-corpus', ...args)

testRefusals('--lookup-corpus refuses', [
  {
    name: 'a file that is not there',
    command: 'generate lookup',
    args: refuse(join(home, 'none.txt')),
    code: 1,
    says: /none\.txt cannot be read: /,
  },
  {
    name: 'a second one that is not there',
    command: 'generate lookup',
    args: refuse(good, '--lookup-corpus', join(home, 'none.txt')),
    code: 1,
    says: /none\.txt cannot be read: /,
  },
  {
    name: 'a file without text',
    command: 'generate lookup',
    args: refuse(file(' \n', 'blank.txt')),
    code: 2,
    says: /blank\.txt holds no text/,
  },
  {
    name: 'bytes that are no text',
    command: 'generate lookup',
    args: refuse(file(Buffer.from([0x61, 0xff, 0xfe]), 'bytes.txt')),
    code: 2,
    says: /bytes\.txt is not valid UTF-8/,
  },
  {
    name: 'lines that are no documents',
    command: 'generate lookup',
    args: refuse(file('{"title": "a"}', 'titles.jsonl')),
    code: 2,
    says: /titles\.jsonl, line 1 is no training document/,
  },
  {
    name: 'longer n-grams than are indexed',
    command: 'generate lookup',
    args: refuse(good, '--max-matching-ngram-size', '17'),
    code: 2,
    says: 'max_matching_ngram_size is 17, but a corpus is searched for 16 tokens at most.',
    progress: /^Reading .+\nIndexing .+\n/,
  },
  {
    name: 'a draft model beside it',
    command: 'generate lookup',
    args: refuse(good, '--assistant-model', model),
    code: 2,
    says: /The settings ask for prompt_lookup_num_tokens, in which no assistant model takes part/,
    progress: /^Reading .+\nIndexing .+\n/,
  },
])
