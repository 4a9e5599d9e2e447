import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { openModel } from '../../src/language-model/load.js'
import { createRandom } from '../../src/random.js'
import { checkpointsOf, readCheckpoint } from '../../src/train/checkpoint.js'
import { ended, fileWriter, isolateEnvironment, Llm, runClass, temporaryDirectory } from './cli.js'
import { testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const llm = new Llm(home)
const model = writeTextModel(join(home, 'model'))
const file = fileWriter(home)

isolateEnvironment(home)

/** Sentences that a small model learns quickly. */
const text = Array.from(
  { length: 400 },
  (_, i) => `The ${['red', 'old', 'sad'][i % 3]} fox has ${i % 10} hens.\n`,
)
const data = file(text.join(''), 'foxes.txt')

const sizes = ['--hidden-size', '16', '--num-hidden-layers', '1', '--num-attention-heads', '2']
const rows = ['--sequence-length', '32', '--batch-size', '4', '--held-out-rows', '4', '--warmup-steps', '5']
const base = (output: string, ...args: string[]) => [
  data,
  '--tokenizer',
  model,
  '-o',
  join(home, output),
  ...sizes,
  ...rows,
  '--learning-rate',
  '1e-2',
  ...args,
]

describe('train tokenizer', () => {
  test('leaves files that train a model, and tells their figures', async () => {
    const output = join(home, 'tokenizer')
    const args = [data, '-o', output, '--vocab-size', '300', '--json']
    const { stdout, code } = await runClass('train tokenizer', args)
    const report = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(report).toMatchObject({ tokenizer: output, bytes: Buffer.byteLength(text.join('')) })
    // Every word of this text is one token before the vocabulary is full.
    expect(report.vocab_size).toBeGreaterThan(270)
    expect(report.merges).toBe(report.vocab_size - 257)
    expect(report.bytes_per_token).toBeGreaterThan(1.5)
    const trained = [data, '--tokenizer', output, '-o', join(home, 'own'), ...sizes, ...rows, '--steps', '2']
    expect(await runClass('train base', trained)).toMatchObject({ code: 0 })
    const again = await runClass('train tokenizer', args)
    expect(again.code).toBe(2)
    expect(await runClass('train tokenizer', [...args, '--force'])).toMatchObject({ code: 0 })
  })
})

describe('train base', () => {
  test('learns, and leaves a model, a log and a curve', async () => {
    const args = base('fresh', '--steps', '60', '--eval-steps', '20', '--json')
    const { stdout, code } = await runClass('train base', args)
    const report = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(report).toMatchObject({
      model: join(home, 'fresh'),
      finished: true,
      step: 60,
      tokens: 60 * 4 * 32,
    })
    expect(report.held_out.held_out_loss).toBeLessThan(3)
    const log = readFileSync(join(home, 'fresh/log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(log.filter((entry) => 'held_out_loss' in entry).map(({ step }) => step)).toEqual([20, 40, 60])
    expect(log[0].loss).toBeGreaterThan(4)
    expect(readFileSync(join(home, 'fresh/loss.svg'), 'utf8')).toContain('held-out loss')
    const { stdout: written, code: ok } = await runClass('generate', [
      '-m',
      join(home, 'fresh'),
      'The old',
      '--max-new-tokens',
      '8',
    ])
    expect(ok).toBe(0)
    expect(written.length).toBeGreaterThan(4)
  })

  test('goes on from a model of its own', async () => {
    const output = join(home, 'further')
    const args = [data, '--init', join(home, 'fresh'), '-o', output, ...rows, '--steps', '5', '--json']
    const report = JSON.parse((await runClass('train base', args)).stdout)
    expect(report.loss).toBeLessThan(3)
  })

  test('killed at any moment leaves a checkpoint that loads, and ends as an uninterrupted run', async () => {
    const args = (output: string) => ['train', 'base', ...base(output, '--steps', '300', '--save-steps', '3')]
    expect(await llm.run(args('whole'))).toMatchObject({ code: 0 })
    const random = createRandom(5)
    const output = join(home, 'killed')
    let kills = 0
    const linesOf = (directory: string) => {
      const log = join(directory, 'log.jsonl')
      return existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0
    }
    for (let round = 0; round < 6; round++) {
      const resume = (await checkpointsOf(output)).length > 0 ? ['--resume'] : []
      const child = llm.start([...args('killed'), ...resume])
      const end = ended(child)
      // At a step drawn by chance, and wherever the run is when that is seen.
      const steps = linesOf(output) + 5 + Math.floor(random() * 40)
      await vi.waitUntil(() => linesOf(output) >= steps, { interval: 1, timeout: 60_000 })
      child.kill('SIGKILL')
      if ((await end).code !== null) break
      kills++
      for (const checkpoint of await checkpointsOf(output)) {
        const { weights, state } = await readCheckpoint(checkpoint)
        expect(weights.size).toBeGreaterThan(0)
        expect(checkpoint).toBe(join(output, `checkpoint-${state.step}`))
        const { store } = await openModel(checkpoint)
        await store.read('model.norm.weight')
        await store.close()
      }
    }
    expect(kills).toBeGreaterThan(0)
    const [newest] = await checkpointsOf(output)
    if (!existsSync(join(output, 'model.safetensors'))) {
      expect(await llm.run([...args('killed'), ...(newest ? ['--resume'] : [])])).toMatchObject({ code: 0 })
    }
    const bytes = (name: string) => readFileSync(join(home, name, 'model.safetensors'))
    expect(bytes('killed').equals(bytes('whole'))).toBe(true)
  }, 120_000)

  test('saves where it is told to end, as on Ctrl-C', async () => {
    const args = ['train', 'base', ...base('ended', '--steps', '5000', '--save-steps', '5000')]
    const child = llm.start(args)
    const end = ended(child)
    await new Promise<void>((resolve) =>
      child.stderr.on('data', (text) => /Step/.test(String(text)) && resolve()),
    )
    const other = await llm.run(args)
    expect(other).toMatchObject({ code: 2 })
    expect(other.stderr).toMatch(/Error: \S+ended is being trained into by another run/)
    child.kill('SIGTERM')
    const { code, stdout } = await end
    expect(code).toBe(143)
    expect(stdout).toMatch(/^Interrupted after \d+ of 5000 steps: go on with --resume/)
    const [checkpoint] = await checkpointsOf(join(home, 'ended'))
    expect((await readCheckpoint(checkpoint)).state.step).toBeGreaterThan(0)
    expect(readdirSync(join(home, 'ended'))).not.toContain('train.lock')
    const resumed = await llm.run([...args.map((arg) => (arg === '1e-2' ? '2e-2' : arg)), '--resume'])
    expect(resumed.stderr).toMatch(
      /cannot be resumed with other settings: learning_rate was 0\.01, is 0\.02\. Give/,
    )
  }, 60_000)

  test('saves on Ctrl-C, says how to go on, and goes on', async () => {
    const args = ['train', 'base', ...base('interrupted', '--steps', '2000', '--save-steps', '5000')]
    const child = llm.start(args)
    const end = ended(child)
    await new Promise<void>((resolve) =>
      child.stderr.on('data', (text) => /Step/.test(String(text)) && resolve()),
    )
    child.kill('SIGINT')
    const { code, stdout } = await end
    expect(code).toBe(130)
    expect(stdout).toMatch(
      /^Interrupted after \d+ of 2000 steps: go on with --resume, or use \S+checkpoint-\d+/,
    )
    const [checkpoint] = await checkpointsOf(join(home, 'interrupted'))
    const { state } = await readCheckpoint(checkpoint)
    const other = await llm.run([...args, '--resume', '--seed', '9'])
    expect(other).toMatchObject({ code: 2 })
    expect(other.stderr).toMatch(/cannot be resumed with other settings: seed was 0, is 9\./)
    const again = llm.start([...args, '--resume'])
    const resumed = ended(again)
    await new Promise<void>((resolve) =>
      again.stderr.on('data', (text) => /Step/.test(String(text)) && resolve()),
    )
    again.kill('SIGINT')
    expect((await resumed).code).toBe(130)
    const [later] = await checkpointsOf(join(home, 'interrupted'))
    expect((await readCheckpoint(later)).state.step).toBeGreaterThan(state.step)
  })

  test('keeps what it has where the disk is full', async () => {
    const output = join(home, 'full')
    const command = `train base ${base('full', '--steps', '50', '--save-steps', '2').join(' ')}`
    // A limit on the size of files: tokens and log fit, the weights do not.
    const { code, stderr } = await llm.shell(`ulimit -f 24; $LLM ${command}`)
    expect(stderr).toMatch(/Error: Cannot write \S+: it may not grow any further\./)
    expect(code).toBe(1)
    expect(readdirSync(output).filter((name) => name.includes('checkpoint'))).toEqual([])
  })
})

const few = file('Three words only.', 'few.txt')
const argsOf = (path: string, ...args: string[]) => [
  path,
  '--tokenizer',
  model,
  '-o',
  join(home, 'never'),
  ...args,
]

const progress = /^Reading .*\n/

testRefusals('train tokenizer refuses', [
  {
    name: 'a vocabulary that does not hold the bytes',
    command: 'train tokenizer',
    args: [data, '-o', join(home, 'never'), '--vocab-size', '257', '--special-token', '<a>'],
    code: 2,
    says: '--vocab-size cannot be 257: the bytes and special tokens are 258.',
  },
  {
    name: 'a directory with files',
    command: 'train tokenizer',
    args: [data, '-o', model],
    code: 2,
    says: /has files already: give another --output, or --force\.$/,
  },
])

testRefusals('train base refuses', [
  {
    name: 'no text',
    command: 'train base',
    args: argsOf(file('\n', 'empty.txt')),
    code: 2,
    says: /empty\.txt holds no text/,
    progress,
  },
  {
    name: 'too little text',
    command: 'train base',
    args: argsOf(few),
    code: 2,
    says: /few\.txt: \d+ tokens are too few for a row of 256: give more text, or a shorter --sequence-length\.$/,
    progress,
  },
  {
    name: 'a missing file',
    command: 'train base',
    args: argsOf(join(home, 'none.txt')),
    code: 1,
    says: /none\.txt cannot be read/,
  },
  {
    name: 'no tokenizer',
    command: 'train base',
    args: [data, '-o', join(home, 'never')],
    code: 2,
    says: 'There is no tokenizer: give its directory with --tokenizer.',
  },
  {
    name: 'a line that is no JSON',
    command: 'train base',
    args: argsOf(file('{"text": "a"}\nnonsense\n', 'bad.jsonl')),
    code: 2,
    says: /bad\.jsonl, line 2/,
    progress,
  },
  {
    name: 'a row that is longer than the model',
    command: 'train base',
    args: argsOf(data, '--sequence-length', '2000'),
    code: 2,
    says: '--sequence-length cannot be 2000: the model is meant for 1024 tokens.',
  },
  {
    name: 'heads that do not divide the width',
    command: 'train base',
    args: argsOf(data, '--hidden-size', '48', '--num-attention-heads', '5'),
    code: 1,
    says: /The model cannot be built from the flags/,
  },
  {
    name: 'a micro-batch that does not divide the batch',
    command: 'train base',
    args: argsOf(data, '--batch-size', '6', '--micro-batch', '4', '--sequence-length', '32'),
    code: 2,
    says: '--micro-batch cannot be 4: it has to divide the --batch-size of 6.',
    progress,
  },
  {
    name: 'a device without end',
    command: 'train base',
    args: argsOf('/dev/zero'),
    code: 2,
    says: '/dev/zero is a pipe or a device: give a file, which a run that is resumed reads again.',
  },
  {
    name: 'a learning rate without end',
    command: 'train base',
    args: argsOf(data, '--learning-rate', 'Infinity'),
    code: 2,
    says: /--learning-rate cannot be "Infinity": give a number of 0 or more/,
  },
  {
    name: 'a learning rate that is no number',
    command: 'train base',
    args: argsOf(data, '--learning-rate', 'fast'),
    code: 2,
    says: /--learning-rate cannot be "fast": give a number/,
  },
])
