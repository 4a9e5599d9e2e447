import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { isolateEnvironment, Llm, on, runClass, temporaryDirectory } from './cli.js'
import { text } from './generation.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const llm = new Llm(home)
const model = writeTextModel(join(home, 'model'))
const tokenizer = await loadTokenizer(model)

isolateEnvironment(home)

describe('watermark detect', () => {
  const settings = '{"bias": 20, "greenlist_ratio": 0.25}'
  const detect = (said: string, ...args: string[]) =>
    runClass('watermark detect', ['-m', model, '--watermarking-config', settings, said, ...args])

  test('finds a watermark in generated text and none in other text', async () => {
    const ascii = JSON.stringify(
      [...Array(320).keys()].filter((id) => id !== 2 && !/^[ -~]+$/.test(tokenizer.idToToken(id) ?? '')),
    )
    const args = on(model, 'hello', '--max-new-tokens', '100', '--suppress-tokens', ascii.slice(1, -1))
    const said = await text([...args, '--watermarking-config', settings, '--do-sample', '--seed', '3'])
    const found = await detect(said)
    expect(found.stdout).toMatch(/^Watermarked: \d+ of \d+ tokens are green \(z \d+\.\d\d, p \S+\)\.\n$/)
    const { prediction, z_score } = JSON.parse((await detect(said, '--json')).stdout)
    expect(prediction).toBe(true)
    expect(z_score).toBeGreaterThan(6)

    const plain = await text([...args, '--do-sample', '--seed', '3'])
    expect((await detect(plain)).stdout).toMatch(/^No watermark found: /)
    expect((await detect(said, '--z-threshold', '100')).stdout).toMatch(/^No watermark found: /)
    const piped = await llm.run(['watermark', 'detect', '-m', model, '--watermarking-config', settings], {
      input: `${said}\n`,
    })
    expect(piped.stdout).toBe(found.stdout)
  })
})

describe('models show', () => {
  test('tells what a model is', async () => {
    const { stdout, stderr, code } = await runClass('models show', [model])
    expect([stderr, code]).toEqual(['', 0])
    const rows = Object.fromEntries(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    )
    expect(rows).toMatchObject({
      Model: model,
      Architecture: 'Llama (3 layers, hidden 64, 4 heads over 2 key-value heads)',
      Parameters: '133,568',
      Dtypes: 'F32 534.3 kB',
      Context: '128 tokens',
      Vocabulary: '320 tokens, with a projection of its own',
      'Early exits': 'after layers 1 to 2',
      'Half precision': 'needs a GPU (fp16, int4f16)',
      'Special tokens': 'bos <s>, eos </s>, pad <pad>',
      'Chat template': 'no',
      Strategies:
        'greedy_search, sample, beam_search, beam_sample, group_beam_search, constrained_beam_search, contrastive_search, assisted_generation, dola_generation',
      'Cache in memory': '768 B a token, 98.3 kB at full context',
    })
    expect(rows['Weights in memory']).toMatch(
      /^fp32 534\.3 kB, fp16 267\.\d kB, int8 \S+ kB, int4 \S+ kB, int4f16 \S+ kB$/,
    )
  })

  test('gives it as an object with --json', async () => {
    const { stdout } = await runClass('models show', [model, '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      path: model,
      architecture: 'Llama',
      parameters: 133568,
      dtypes: { F32: 534272 },
      context_length: 128,
      chat_template: false,
      tied_embeddings: false,
      unused_tensors: [],
      last_early_exit: 2,
      half_precision: 'needs a GPU',
      memory: { weights: { fp32: 534272 }, cache_per_token: 768, cache_full_context: 98304 },
    })
  })
})

describe('llm', () => {
  test('--version', async () => {
    const { name, version } = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'),
    )
    const { platform, arch } = process
    expect((await llm.run(['--version'])).stdout).toBe(
      `${name}/${version} ${platform}-${arch} node-${process.version}\n`,
    )
  })

  test('--help names every command and topic', async () => {
    const { stdout, code } = await llm.run(['--help'])
    for (const name of ['generate', 'help', 'models', 'watermark'])
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect(code).toBe(0)
  })

  test('help has flags in their natural order, under a short usage', async () => {
    const { stdout } = await llm.run(['generate', '--help'])
    expect(stdout).toMatch(/^ {2}\$ llm generate \[PROMPT\] \[FLAGS\]$/m)
    const headings = [...stdout.matchAll(/^(\w.*) FLAGS$/gm)].map(([, name]) => name)
    const expected = ['MODEL', 'PROMPT', 'LENGTH', 'SAMPLING', 'LOGITS', 'BEAM SEARCH', 'RUNTIME']
    expect(headings.filter((name) => expected.includes(name))).toEqual(expected)
    const [temperature, topK, topP] = ['--temperature', '--top-k', '--top-p'].map((flag) =>
      stdout.indexOf(flag),
    )
    expect(temperature < topK && topK < topP).toBe(true)
  })

  test('help of a strategy names the flags that are served, and only those', async () => {
    const { stdout } = await llm.run(['help', 'generate', 'sample'])
    for (const flag of [
      '--temperature=X',
      '--stop-strings=TEXT',
      '--stop for short',
      '--prompt-file=FILE',
      '--json',
    ]) {
      expect(stdout).toContain(flag)
    }
    for (const flag of ['--num-beams', '--penalty-alpha', '--do-sample']) expect(stdout).not.toContain(flag)
    expect(stdout).toBe((await llm.run(['generate', 'sample', '--help'])).stdout)
  })
})
