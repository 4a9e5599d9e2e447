import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ended, environment, fileWriter, Llm, on, type Run, temporaryDirectory } from './cli.js'
import { STATISTICS } from './generation.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const llm = new Llm(home)
const file = fileWriter(home)
const ROOT = join(import.meta.dirname, '../..')
const model = writeTextModel(join(home, 'model'))
const generate = ['generate', ...on(model, '--max-new-tokens', '3')]

describe('a command', () => {
  test.each<[args: string[], says: string]>([
    [['generat', 'hi'], 'llm has no command generat: did you mean `llm generate`?'],
    [['models', 'shw'], 'llm models has no command shw: did you mean `llm models show`?'],
    [['models', 'zzz'], 'llm models has no command zzz: there are convert, list, pull, rm, show.'],
    [['help', 'generate', 'nosuch'], 'llm generate has no command nosuch: see its --help.'],
    [['help', 'chta'], 'llm has no command chta: did you mean `llm chat`?'],
    [['chta', '--help'], 'llm has no command chta: did you mean `llm chat`?'],
    [['chat', 'hi'], 'llm chat takes no argument: leave "hi" out.'],
    [['doctor', 'a', 'b'], 'llm doctor takes no argument: leave "a", "b" out.'],
    [
      ['generate', 'sampel', 'hi'],
      'llm generate has no command sampel: did you mean `llm generate sample`? A prompt of several words is put in quotes.',
    ],
    [
      ['generate', 'Once', 'upon', 'a'],
      'The prompt is one argument, but "upon", "a" come after it: put the whole in quotes.',
    ],
    [
      ['--raw', 'generate'],
      "The command comes first, as in `llm generate 'Once upon a time'`: see llm --help.",
    ],
    [['generate', '-x'], 'llm generate has no flag -x: put -- before a text that begins with a dash.'],
    [['generate', 'sample', '--no-raw'], 'llm generate sample has no flag --no-raw: leave --raw out.'],
    [
      ['generate', 'greedy', '--num-beams', '4'],
      'llm generate greedy has no flag --num-beams: use `llm generate beam`.',
    ],
    [
      ['generate', 'recycling', '--num-assistant-tokens', '4'],
      'llm generate recycling has no flag --num-assistant-tokens: use `llm generate speculative or llm generate early-exit`.',
    ],
    [['generate', 'beam', '--lookup'], 'llm generate beam has no flag --lookup: see --help.'],
    [['autocomplete', 'fish'], 'Expected fish to be one of: zsh, bash, powershell. See --help.'],
  ])('%j is refused', async (args, says) => {
    expect(await llm.run(args)).toEqual({ code: 2, stdout: '', stderr: `Error: ${says}\n` })
  })

  test.each([['-v'], ['version'], ['--version']])('%s is the version', async (word) => {
    const { stdout, code } = await llm.run([word])
    expect(stdout).toMatch(/^@llm-decode\/llm\/\S+ /)
    expect(code).toBe(0)
  })

  test('-h is --help, everywhere', async () => {
    for (const args of [[], ['generate'], ['generate', 'beam'], ['models'], ['generate', 'a prompt']]) {
      const [short, long] = await Promise.all([llm.run([...args, '-h']), llm.run([...args, '--help'])])
      expect(short).toEqual(long)
      expect(short.code).toBe(0)
      expect(short.stdout).toContain('USAGE')
    }
  })
})

test('a boolean flag with a value is refused before stdin becomes the prompt', async () => {
  for (const words of [
    ['--do-sample=false'],
    ['--no-do-sample=true'],
    ['--raw=0'],
    ['--json=false'],
    ['--raw', 'false'],
  ]) {
    const { code, stdout, stderr } = await llm.run([...generate, ...words], { input: 'hello' })
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^Error: --\S+ takes no value.*\.\n$/)
  }
  const { stderr } = await llm.run(['eval', file('a'), '--json=true'])
  expect(stderr).toBe('Error: --json takes no value: write --json, or leave it out.\n')
})

describe('stdin', () => {
  const expected = (prompt: string) => llm.run([...generate, prompt])
  const withoutTimes = ({ code, stdout }: Run) => ({ code, stdout })

  test('is the prompt for -, as an argument and as --prompt-file', async () => {
    const hello = withoutTimes(await expected('hello'))
    for (const words of [['-'], ['--prompt-file', '-'], ['--', '-'], []]) {
      expect(withoutTimes(await llm.run([...generate, ...words], { input: 'hello\n' }))).toEqual(hello)
    }
  })

  test('goes on after an argument and a file, on a line of its own', async () => {
    const both = withoutTimes(await expected('hello\nyou there'))
    expect(both).not.toEqual(withoutTimes(await expected('hello')))
    const words = generate.join(' ')
    const text = file('you there\n')
    for (const command of [
      `echo you there | $LLM ${words} hello`,
      `$LLM ${words} hello < ${text}`,
      `echo you there | $LLM ${words} --prompt-file ${file('hello\n')}`,
    ]) {
      expect(withoutTimes(await llm.shell(command))).toEqual(both)
    }
    expect(withoutTimes(await llm.run([...generate, 'hello'], { input: 'you there' }))).toEqual(both)
  })

  test('that is empty, closed or no file adds nothing to an argument', async () => {
    const hello = withoutTimes(await expected('hello'))
    const words = generate.join(' ')
    for (const from of ['</dev/null', '<&-', `< ${file('')}`, '< /dev/zero', `< ${home}`]) {
      expect(withoutTimes(await llm.shell(`$LLM ${words} hello ${from}`))).toEqual(hello)
    }
  })

  test.skipIf(process.platform !== 'linux')('of a loop is left to it', async () => {
    const list = file('hello\nyou\n')
    const { stdout } = await llm.shell(
      `while read -r line; do echo "[$line]"; $LLM ${generate.join(' ')} "$line"; done < ${list}`,
    )
    const [hello, you] = await Promise.all([expected('hello'), expected('you')])
    expect(stdout).toBe(`[hello]\n${hello.stdout}[you]\n${you.stdout}`)
  })

  test('that does not end is said to be waited for', async () => {
    const child = llm.start([...generate, 'hello'])
    await once(child.stderr, 'data')
    child.stdin.end('you there')
    const { stdout, code } = await ended(child)
    expect({ code, stdout }).toEqual(withoutTimes(await expected('hello\nyou there')))
  })

  test('is read in place of a configuration, a template, or a text to evaluate', async () => {
    const config = await llm.run(['generate', ...on(model, 'hello', '--json', '--config', '-')], {
      input: '{"max_new_tokens": 2}',
    })
    expect(JSON.parse(config.stdout).ids).toHaveLength(2)
    const template = await llm.run([...generate, 'hello', '--chat-template', '-'], {
      input: '[{{ messages[0].content }}]',
    })
    expect(withoutTimes(template)).toEqual(withoutTimes(await expected('[hello]')))
    for (const [content, name] of [
      ['Hello there.\n', 'a.txt'],
      ['{"text": "Hello there."}\n', 'a.jsonl'],
    ]) {
      const named = await llm.run(['eval', file(content, name), ...on(model, '--json')])
      const piped = await llm.run(['eval', '-', ...on(model, '--json')], { input: content })
      const figures = ({ stdout }: Run) => ({ ...JSON.parse(stdout), seconds: 0, tokens_per_second: 0 })
      expect(figures(piped)).toEqual(figures(named))
    }
  })

  test('cannot be read twice', async () => {
    const says = /^Error: stdin comes twice, for .+ and for .+: give one of them another way\.\n$/
    for (const args of [
      [...generate, '--config', '-'],
      [...generate, '--config', '-', '--prompt-file', '-'],
      [...generate, '--config', '-', '--chat-template', '-', 'hello'],
      ['chat', ...on(model, '--config', '-')],
      ['batch', '-', '-o', join(home, 'out.jsonl'), ...on(model, '--config', '-')],
    ]) {
      const { code, stderr } = await llm.run(args, { input: '{}' })
      expect(stderr).toMatch(says)
      expect(code).toBe(2)
    }
  })
})

describe('an input without end', () => {
  test.skipIf(process.platform === 'win32').each<string[]>([
    [...generate, '--prompt-file', '/dev/zero'],
    [...generate, 'hello', '--config', '/dev/zero'],
    [...generate, 'hello', '--chat-template', '/dev/zero'],
  ])('%# is refused', async (...args) => {
    const { code, stderr } = await llm.run(args)
    expect(stderr).toBe(
      `Error: /dev/zero is too large: at most ${args.includes('--prompt-file') ? '67,108,864' : '16,777,216'} bytes are read.\n`,
    )
    expect(code).toBe(1)
  })

  test('on stdin is refused', async () => {
    const { code, stderr } = await llm.shell(`$LLM ${generate.join(' ')} < /dev/zero`)
    expect(stderr).toBe('Error: stdin is too large: at most 67,108,864 bytes are read.\n')
    expect(code).toBe(1)
  })

  test('is no corpus', async () => {
    for (const path of ['/dev/zero', '-']) {
      const args = ['generate', 'lookup', ...on(model, 'hello', '--lookup-corpus', path)]
      expect((await llm.run(args)).stderr).toBe(
        `Error: The corpus ${path} is no file, but is indexed once and kept: write it to one first.\n`,
      )
    }
  })
})

describe('--config', () => {
  test('takes a file as HF writes it', async () => {
    const written = {
      _from_model_config: true,
      bos_token_id: 1,
      cache_implementation: 'hybrid',
      max_new_tokens: 2,
      return_dict_in_generate: true,
      transformers_version: '4.42.3',
      use_cache: false,
    }
    const path = file(`\ufeff${JSON.stringify(written)}`)
    for (const args of [
      ['generate', ...on(model, 'hello', '--json', '--config', path)],
      ['chat', ...on(model, '--json', '--raw', '--config', path)],
    ]) {
      const { code, stdout, stderr } = await llm.run(args, { input: args[0] === 'chat' ? 'hello\n' : '' })
      expect(stderr).not.toContain('Error')
      expect(code).toBe(0)
      expect(JSON.parse(stdout).statistics.generated_tokens).toBe(2)
    }
  })

  test('refuses what it does not know, and names what is meant where it is near', async () => {
    for (const [field, advice] of [
      ['temprature', 'the nearest one is temperature'],
      ['foo', 'leave it out'],
    ]) {
      const { code, stderr } = await llm.run([...generate, 'hello', '--config', file(`{"${field}": 1}`)])
      expect(stderr).toMatch(
        new RegExp(`^Error: ${field} in \\S+ is not a generation field; ${advice}\\.\n$`),
      )
      expect(code).toBe(2)
    }
  })
})

describe('a text that a limit cut', () => {
  const tireless = writeTextModel(join(home, 'limited'), { generationConfig: { suppress_tokens: [2] } })
  const ending = async (...args: string[]) => {
    const { stderr } = await llm.run(['generate', ...on(tireless, 'hello', ...args)])
    return stderr.trimEnd().split(' · ').at(-1)
  }

  test('says so, and what sets the limit', async () => {
    expect(await ending()).toBe('stopped at 20 tokens: --max-new-tokens')
    expect(await ending('--max-new-tokens', '1')).toBe('stopped at 1 token: --max-new-tokens')
    expect(await ending('--max-length', '8')).toBe('stopped at 8 tokens with the prompt: --max-length')
    expect(await ending('--max-new-tokens', '5000')).toMatch(
      /^stopped at the end of the context of \d+ tokens$/,
    )
    expect(await ending('--max-time', '0.001')).toBe('stopped after 0.001 s: --max-time')
  })

  test('is told of in a chat', async () => {
    const { stderr } = await llm.run(['chat', ...on(tireless)], {
      input: '/set max-new-tokens 3\nhello\n/quit\nunheard\n',
    })
    expect(stderr).toBe(
      'No chat template: what you write is continued, just as it is.\nmax_new_tokens: 3\nStopped at 3 tokens: /set max_new_tokens.\n',
    )
  })

  test('is not said of one that ended by itself', async () => {
    expect(
      await ending('--stop', ' ', '--max-new-tokens', '1000', '--forced-eos-token-id', '2'),
    ).not.toContain('stopped')
  })
})

describe('a message', () => {
  test.each<[args: string[], says: string]>([
    [
      ['generate', '--seed', '18446744073709551615', 'hi'],
      '--seed cannot be "18446744073709551615": give a whole number up to 9007199254740991.',
    ],
    [
      ['generate', '--forced-eos-token-id', '2,-99999999999999999999', 'hi'],
      '--forced-eos-token-id cannot be "-99999999999999999999": give a whole number from -9007199254740991 on.',
    ],
    [
      ['generate', '--bad-words-ids', '[[1,]]', 'hi'],
      '--bad-words-ids is not valid JSON: line 1, column 5: "]" is unexpected.',
    ],
    [
      ['generate', '--strategy', 'lookup', 'hi'],
      '--strategy takes the file of a strategy of your own, or auto: `llm generate lookup` decodes with lookup.',
    ],
    [
      ['batch', file('{"prompt":"hi"}\n'), '--strategy', 'lookup'],
      '--strategy takes the file of a strategy of your own: --prompt-lookup-num-tokens chooses lookup.',
    ],
    ...(['medusa-heads', 'mtp-modules'] as const).map((flag): [string[], string] => [
      ['batch', file('{"prompt":"hi"}\n'), '--strategy', 'recycling', `--${flag}`, 'heads'],
      `--strategy recycling and --${flag} both draft: leave one of them out.`,
    ]),
    [
      ['batch', file('{"prompt":"hi"}\n'), '--strategy', 'toString'],
      'There is no strategy at toString: give the path of a JavaScript module.',
    ],
    [
      ['generate', '--strategy', '/dev/null', 'hi'],
      'There is no strategy at /dev/null: give the path of a JavaScript module.',
    ],
    [
      ['generate', 'contrastive', ...on(model), '--penalty-alpha', '0', 'hi'],
      'The settings ask for greedy_search, but `llm generate contrastive` is for contrastive_search: use `llm generate`.',
    ],
    [
      ['watermark', 'detect', join(ROOT, 'README.md')],
      `The text is the name of a file, ${join(ROOT, 'README.md')}: give --text-file ${join(ROOT, 'README.md')} for what is in it.`,
    ],
  ])('%j', async (args, says) => {
    expect(await llm.run(args)).toEqual({ code: 2, stdout: '', stderr: `Error: ${says}\n` })
  })

  test('of a drafter with too little text names the flag that is there', async () => {
    const drafter = join(ROOT, 'built-in/medusa')
    const { stderr } = await llm.run(['eval', file('Short.'), '--drafter', drafter])
    expect(stderr).toMatch(/give more text, or a shorter --window\.\n$/)
  })

  test('carries no control characters of a file, wherever it goes', async () => {
    const { stderr } = await llm.run([...generate, 'hi', '--config', file('{"a\\u001b[31mb\\u009b": 1}')])
    expect(stderr).toMatch(
      /^Error: a\\u001b\[31mb\\u009b in \S+ is not a generation field; leave it out\.\n$/,
    )
    const named = await llm.run([...generate, '--prompt-file', 'no\u001b[31m.txt'])
    expect(named.stderr).toBe(
      'Error: no\\u001b[31m.txt cannot be read: there is no such file or directory.\n',
    )
  })
})

test('SIGTERM keeps what was written, and exits 143', async () => {
  const tireless = writeTextModel(join(home, 'tireless'), {
    config: { max_position_embeddings: 100_000 },
    generationConfig: { suppress_tokens: [2] },
  })
  const child = llm.start(['generate', ...on(tireless, 'hello', '--max-new-tokens', '90000')])
  child.stdin.end()
  child.stdout.once('data', () => child.kill('SIGTERM'))
  const { code, stdout, stderr } = await ended(child)
  expect(code).toBe(143)
  expect(stdout).toMatch(/.+\n$/s)
  expect(stderr).toMatch(STATISTICS)
})

test('bin/dev.js runs the sources, whatever dist and the manifest hold', async () => {
  const root = join(home, 'clone')
  mkdirSync(join(root, 'bin'), { recursive: true })
  cpSync(join(ROOT, 'bin/dev.js'), join(root, 'bin/dev.js'))
  cpSync(join(ROOT, 'package.json'), join(root, 'package.json'))
  for (const name of ['src', 'node_modules']) symlinkSync(join(ROOT, name), join(root, name))
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  writeFileSync(join(root, 'oclif.manifest.json'), JSON.stringify({ version, commands: {} }))
  const dev = (...args: string[]) =>
    spawnSync(process.execPath, [join(root, 'bin/dev.js'), ...args], {
      env: environment(home),
      encoding: 'utf8',
      input: '',
    })
  const hello = dev(...generate, 'hello')
  expect(hello.stdout).toBe((await llm.run([...generate, 'hello'])).stdout)
  expect(dev('generate', 'greedy', '-h').stdout).toContain('$ llm generate greedy')
  expect(dev('nosuch')).toMatchObject({ status: 2, stdout: '' })
})
