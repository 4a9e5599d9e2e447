import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { specFromConfig } from '../../src/models/families/index.js'
import { parametersOf } from '../../src/models/parameters.js'
import { hubFixture, REPO } from '../hub/fixture.js'
import { safetensorsBytes } from '../weights/files.js'
import { fileWriter, isolateEnvironment, Llm, on, runClass, temporaryDirectory } from './cli.js'
import { expectJsonRefusal, expectRefusal, type Refusal, testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const llm = new Llm(home)
const model = writeTextModel(join(home, 'model'))
const file = fileWriter(home)

isolateEnvironment(home)

describe('a process', () => {
  test.each<[name: string, args: string[], input: string | Buffer, refusal: Refusal]>([
    ['no input', on(model), '', { code: 2, says: /^The prompt is empty: / }],
    ['an empty line', on(model), '\n', { code: 2, says: /^The prompt is empty: / }],
    [
      'input that is not UTF-8',
      on(model),
      Buffer.from([0x68, 0xff]),
      { code: 2, says: 'stdin is not valid UTF-8: convert it first.' },
    ],
    [
      'an unknown flag',
      on(model, '--frob'),
      'hello',
      { code: 2, says: 'llm generate has no flag --frob: see --help.' },
    ],
    ['no model', ['-m', join(home, 'none')], 'hello', { code: 2, says: /^There is no model at \S+: .+\.$/ }],
    [
      'a damaged model',
      on(file('GGUF', 'short.gguf')),
      'hello',
      { code: 1, says: /^\S+ is damaged or incomplete: .+\.$/ },
    ],
  ])('refuses %s as the class does', async (_, args, input, refusal) => {
    expectRefusal(await llm.run(['generate', ...args], { input }), refusal)
    expectJsonRefusal(await llm.run(['generate', '--json', ...args], { input }), refusal)
  })

  test('refuses a command that is not there', async () => {
    const { code, stdout, stderr } = await llm.run(['frobnicate'])
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^Error: llm has no command frobnicate: there are autocomplete, batch, .+\.\n$/)
    expect(code).toBe(2)
  })

  test('names itself where it contradicts a file', async () => {
    const config = file('{"do_sample": true}')
    expectRefusal(await llm.run(['generate', 'greedy', ...on(model, 'hello', '--config', config)]), {
      code: 2,
      says: `do_sample is true in ${config}, but \`llm generate greedy\` sets it to false.`,
    })
  })

  test('shows the stack with DEBUG', async () => {
    const { stderr, code } = await llm.run(['generate', ...on(join(home, 'none'), 'hello')], {
      env: { DEBUG: '1' },
    })
    expect(stderr).toMatch(/\n\s+at .*language-model\/load/)
    expect(code).toBe(2)
  })
})

describe.each([
  ['cuda', /^The device cuda cannot be used: install CUDA 12 and cuDNN 9, .+$/],
  ['webgpu', /^The device webgpu cannot be used: install a driver for the GPU .+$/],
])('--device %s where it is not there', (device, says) => {
  test('exits 1 with what to install', async ({ skip }) => {
    const args = ['generate', '-m', model, '--device', device, 'hello']
    const run = await llm.run(args)
    skip(run.code === 0, `${device} is there`)
    // Dawn writes why Vulkan is not there itself.
    expectRefusal(run, { code: 1, says, progress: /^Warning: .*\n( - .*\n|\s+at .*\n)*\n*/gm })
  })
})

describe('directories that are not there', () => {
  test('a working directory that has been removed', async () => {
    const gone = join(home, 'gone')
    for (const command of ['batch - -o out.jsonl', 'generate --strategy ./x.js hello']) {
      const there = `mkdir ${gone} && cd ${gone} && rmdir ${gone} && $LLM ${command} -m ${model}`
      const { code, stdout, stderr } = await llm.shell(there)
      expect(stderr).toMatch(/^Error: .*the working directory has been removed/im)
      expect([code, stdout]).toEqual([1, ''])
    }
  })

  test.each(['/dev/null', 'file'])('a home that is no directory: %s', async (name) => {
    const env = { HOME: name === 'file' ? file('no directory') : name, XDG_DATA_HOME: '' }
    const { code, stderr } = await llm.run(['generate', ...on(model, 'hello')], { env })
    expect(stderr).not.toMatch(/ENOTDIR|node:/)
    expect(code).toBe(0)
  })
})

describe('the graph cache', () => {
  const progress = /^Converting weights .*\n/gm

  test('where it cannot be written', async () => {
    const blocked = join(file('not a directory'), 'cache')
    vi.stubEnv('XDG_CACHE_HOME', blocked)
    const refusal: Refusal = {
      code: 1,
      says: /^The graph cache at \S+ cannot be written \(a part of its path is no directory\): set XDG_CACHE_HOME to a directory that can be written\.$/,
      progress,
    }
    const args = on(model, 'hello', '--dtype', 'int8')
    expectRefusal(await runClass('generate', args), refusal)
    expectJsonRefusal(await runClass('generate', ['--json', ...args]), refusal)
    expect((await runClass('generate', on(model, 'hello', '--dtype', 'fp32'))).code).toBe(0)
  })

  test('where the system has no directory and makes none', async ({ skip }) => {
    skip(!existsSync('/proc/self'), 'there is no /proc')
    vi.stubEnv('XDG_CACHE_HOME', '/proc/nohome')
    expectRefusal(await runClass('generate', on(model, 'hello', '--dtype', 'int8')), {
      code: 1,
      says: /^The graph cache at \/proc\/nohome\/llm\/graphs cannot be written \(there is no such file or directory\): set /,
      progress,
    })
  })

  test('on a full disk, of which nothing is left behind', async ({ skip }) => {
    const disk = join(home, 'disk')
    mkdirSync(disk)
    const mounted = (command: string) =>
      `unshare --user --map-root-user --mount sh -c 'mount -t tmpfs -o size=64k tmpfs ${disk} && ${command}'`
    skip(spawnSync(mounted('true'), { shell: true }).status !== 0, 'no file system can be mounted here')
    const generate = `$LLM generate ${on(model, 'hello', '--dtype', 'int8').join(' ')}`
    const run = await llm.shell(mounted(`${generate}; code=$?; find ${disk} -type f; exit $code`), {
      XDG_CACHE_HOME: disk,
    })
    expectRefusal(run, {
      code: 1,
      says: /^The disk of the graph cache at \S+ is full: free some space, or set XDG_CACHE_HOME to another disk\.$/,
      progress,
    })
  })
})

test('a full disk behind stdout', async ({ skip }) => {
  skip(spawnSync('test -c /dev/full', { shell: true }).status !== 0, 'there is no /dev/full')
  for (const flag of ['', '--json']) {
    expectRefusal(await llm.shell(`$LLM generate ${on(model, 'hello', flag).join(' ')} > /dev/full`), {
      code: 1,
      says: /^stdout cannot be written \(the disk is full\): send it elsewhere\.$/,
    })
  }
})

describe('weights that do not fit in the memory', () => {
  const config = {
    vocab_size: 2 ** 24,
    hidden_size: 2 ** 16,
    intermediate_size: 32,
    num_attention_heads: 1,
    num_key_value_heads: 1,
    head_dim: 32,
    num_hidden_layers: 1,
    tie_word_embeddings: true,
  }

  /** 4 TB of zeros that take no space on the disk. */
  function writeSparseModel(): string {
    const directory = writeTextModel(join(home, 'large'), { config })
    const values = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'))
    let end = 0
    const tensors = parametersOf(specFromConfig(values, directory)).map(({ name, shape }) => {
      const begin = end
      end += shape.reduce((product, size) => product * size, 4)
      return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }]
    })
    const header = safetensorsBytes(Object.fromEntries(tensors), 0)
    writeFileSync(join(directory, 'model.safetensors'), header)
    truncateSync(join(directory, 'model.safetensors'), header.length + end)
    return directory
  }

  const large = writeSparseModel()
  testRefusals('are refused before they are read', [
    {
      name: 'as float32',
      args: on(large, 'hello', '--dtype', 'fp32'),
      code: 1,
      says: /^The weights need 439\d\.\d GB of memory as fp32, but \d+\.\d GB are free: use a smaller --dtype \(int8, int4\)\.$/,
    },
    {
      name: 'as int8, which auto falls back to',
      args: on(large, 'hello'),
      code: 1,
      says: /^The weights need \d+\.\d GB of memory as int8, but \d+\.\d GB are free: use a smaller --dtype \(int8, int4\)\.$/,
    },
  ])
})

describe('the hub', () => {
  const hub = hubFixture()
  const generate = async (...args: string[]) => {
    for (const [name, value] of Object.entries(hub.env)) vi.stubEnv(name, value)
    return runClass('generate', on(REPO, 'hello', ...args))
  }
  const commit = () => {
    const files = readdirSync(model).map((name) => [name, readFileSync(join(model, name))])
    hub.server.commit(Object.fromEntries(files))
  }

  /** It is said first that there is no such path. */
  async function expectBoth(refusal: Refusal): Promise<void> {
    for (const [expectIt, flags] of [
      [expectRefusal, []],
      [expectJsonRefusal, ['--json']],
    ] as const) {
      const { stderr, ...run } = await generate(...flags)
      const notice = 'There is no acme/tiny-model here: it is taken for the id of a model on the hub.\n'
      expect(stderr.slice(0, notice.length)).toBe(notice)
      expectIt({ ...run, stderr: stderr.slice(notice.length) }, refusal)
    }
  }

  test('401', async () => {
    hub.server.fault = () => ({ status: 401 })
    await expectBoth({
      code: 1,
      says: /^acme\/tiny-model is private, gated or does not exist: check the name, set HF_TOKEN .+\.$/,
    })
  })

  test('404', async () => {
    hub.server.fault = () => ({ status: 404 })
    const says = `There is no model ${REPO} at ${hub.server.endpoint}: check its name.`
    await expectBoth({ code: 1, says })
  })

  test('429 again and again', async () => {
    hub.server.fault = () => ({ status: 429, headers: { 'Retry-After': '0' } })
    await expectBoth({
      code: 1,
      says: /^\S+ limits the number of requests \(429\): wait some minutes, or set HF_TOKEN, and pull again\.$/,
      progress: /^\S+ limits .* Trying again \(\d of 4\)\.\n/gm,
    })
    expect(hub.server.requests).toHaveLength(10)
  })

  test('offline', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    await expectBoth({
      code: 1,
      says: /^acme\/tiny-model is not in the cache at \S+, and HF_HUB_OFFLINE is set: unset it to pull the model\.$/,
    })
    expect(hub.server.requests).toEqual([])
  })

  test('a dropped connection is resumed, and then there is text', async () => {
    commit()
    let drops = 1
    hub.server.fault = ({ kind, url }) =>
      kind === 'cdn' && url.includes('model.safetensors') && drops-- > 0 ? { dropAfter: 200_000 } : undefined
    const { code, stdout, stderr } = await generate()
    expect(code).toBe(0)
    expect(stdout).toBe((await runClass('generate', on(model, 'hello'))).stdout)
    expect(stderr).toContain('Trying again (1 of 4).')
    const ranges = hub.server.transfers('model.safetensors').map(({ range }) => range)
    expect(ranges).toContain('bytes=200000-')
    expect(hub.server.bytesServed).toBeLessThan(700_000)

    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect((await generate()).stdout).toBe(stdout)
  })
})
