import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { DrafterEvaluationJson } from '../../src/cli/eval/drafter.js'
import type { GenerationJson } from '../../src/cli/generate/json.js'
import { openModel } from '../../src/language-model/load.js'
import { initialWeights } from '../../src/train/initialise.js'
import { openWeights } from '../../src/weights/index.js'
import { type WrittenTensor, writeSafetensors } from '../../src/weights/safetensors-writer.js'
import { fileWriter, isolateEnvironment, runClass, temporaryDirectory } from './cli.js'
import { testRefusals } from './refusal.js'
import { foxes as text, writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const model = writeTextModel(join(home, 'model'))
const file = fileWriter(home)

isolateEnvironment(home)

const data = file(text.join(''), 'foxes.txt')
const rows = ['--sequence-length', '32', '--batch-size', '4', '--held-out-rows', '4', '--warmup-steps', '2']
const args = (output: string, ...more: string[]) => [
  data,
  '-m',
  model,
  '-o',
  join(home, output),
  ...rows,
  ...more,
]
const rate = ['--learning-rate', '1e-2', '--eval-steps', '20']

async function train(command: string, ...values: string[]) {
  const { stdout, stderr, code } = await runClass(command, [...values, '--json'])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

/** What `eval` says of a drafter on a file. */
async function measured(file: string, drafter: string): Promise<DrafterEvaluationJson> {
  const { stdout, stderr, code } = await runClass('eval', [
    file,
    ...['-m', model, '--drafter', join(home, drafter), '--window', '32', '--json'],
  ])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

async function shapes(path: string) {
  const store = await openWeights(path)
  const found = Object.fromEntries([...store.tensors].map(([name, { shape }]) => [name, shape]))
  await store.close()
  return found
}

const config = (output: string) => JSON.parse(readFileSync(join(home, output, 'config.json'), 'utf8'))

describe('train medusa', () => {
  test('learns heads, in the layout of published ones, and tells their accuracy by position', async () => {
    const report = await train('train medusa', ...args('medusa', '--heads', '2', '--steps', '40', ...rate))
    expect(report.held_out.top1_1).toBeGreaterThan(0.2)
    expect(report.held_out.top5_2).toBeGreaterThan(report.held_out.top1_2)
    const log = readFileSync(join(home, 'medusa/log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const losses = log.filter((entry) => 'held_out_loss' in entry).map((entry) => entry.loss_1)
    expect(losses[1]).toBeLessThan(losses[0])
    expect(await shapes(join(home, 'medusa/medusa_lm_head.safetensors'))).toEqual({
      '0.0.linear.weight': [64, 64],
      '0.0.linear.bias': [64],
      '1.0.linear.weight': [64, 64],
      '1.0.linear.bias': [64],
    })
    expect(config('medusa')).toMatchObject({ medusa_num_heads: 2, medusa_num_layers: 1, hidden_size: 64 })
  })

  test('goes on from heads', async () => {
    const report = await train(
      'train medusa',
      ...args('more', '--init', join(home, 'medusa'), '--steps', '2'),
    )
    expect(report.held_out.top1_1).toBeGreaterThan(0.2)
  })

  test('with --sequential goes on with heads that are given the tokens before', async () => {
    const further = ['--init', join(home, 'medusa'), '--steps', '20', ...rate]
    const independent = await train('train medusa', ...args('independent', ...further))
    const sequential = await train('train medusa', ...args('sequential', ...further, '--sequential'))
    // They begin alike, and then know more of the second token.
    const first = (output: string) =>
      JSON.parse(
        readFileSync(join(home, output, 'log.jsonl'), 'utf8')
          .trim()
          .split('\n')[0],
      )
    expect(first('sequential').loss).toBeCloseTo(first('independent').loss, 4)
    expect(sequential.held_out.top1_2).toBeGreaterThan(independent.held_out.top1_2)
    expect(await shapes(join(home, 'sequential/medusa_lm_head.safetensors'))).toMatchObject({
      'token_norm.weight': [64],
      '0.0.tokens.weight': [64, 64],
      '1.0.tokens.weight': [64, 128],
    })
    expect(config('sequential')).toMatchObject({ medusa_num_heads: 2, medusa_sequential: true })
    // What is read is what was trained, and stays sequential.
    const { figures } = await measured(data, 'sequential')
    expect(figures.top1_2).toBeGreaterThan((await measured(data, 'independent')).figures.top1_2)
    await train('train medusa', ...args('on', '--init', join(home, 'sequential'), '--steps', '1'))
    expect(config('on')).toMatchObject({ medusa_sequential: true })
  })

  test('with --joint trains the model as well, and leaves both', async () => {
    const own = ['--own-vocabulary', '--heads', '1', '--joint', '0.2', '--steps', '3']
    const report = await train('train medusa', ...args('joint', ...own))
    expect(report.held_out.cross_entropy).toBeGreaterThan(0)
    const { store } = await openModel(join(home, 'joint'))
    const trained = await store.read('model.norm.weight')
    await store.close()
    const before = await openModel(model)
    expect(trained).not.toEqual(await before.store.read('model.norm.weight'))
    await before.store.close()
    expect(await shapes(join(home, 'joint/medusa/medusa_lm_head.safetensors'))).toMatchObject({
      '0.1.weight': [320, 64],
    })
    const further = [data, '-m', join(home, 'joint'), '-o', join(home, 'again'), ...rows]
    await train('train medusa', ...further, '--init', join(home, 'joint/medusa'), '--steps', '1')
  })
})

describe('train mtp', () => {
  test('learns one module for a chain, by the names of DeepSeek-V3', async () => {
    const report = await train('train mtp', ...args('mtp', '--depth', '3', '--steps', '40', ...rate))
    expect(report.held_out.top1_1).toBeGreaterThan(0.2)
    expect(report.held_out).toHaveProperty('top5_3')
    const names = await shapes(join(home, 'mtp/mtp.safetensors'))
    expect(names).toMatchObject({
      'model.layers.3.eh_proj.weight': [64, 128],
      'model.layers.3.enorm.weight': [64],
      'model.layers.3.hnorm.weight': [64],
      'model.layers.3.shared_head.norm.weight': [64],
      'model.layers.3.self_attn.q_proj.weight': [64, 64],
    })
    expect(Object.keys(names).some((name) => name.includes('embed') || name.includes('layers.4'))).toBe(false)
    await train('train mtp', ...args('mtp-more', '--init', join(home, 'mtp'), '--steps', '1'))
  })

  test('learns parallel heads', async () => {
    const report = await train('train mtp', ...args('parallel', '--parallel', '--depth', '2', '--steps', '3'))
    expect(report.held_out).toHaveProperty('loss_2')
    expect(config('parallel')).toMatchObject({ num_nextn_predict_layers: 2, mtp_parallel_heads: true })
  })
})

describe('eval --drafter', () => {
  const held = file(text.slice(20, 70).join(''), 'held.txt')
  const kinds = { 'train medusa': 'Medusa heads', 'train mtp': 'MTP modules', 'train draft': 'draft model' }

  test.each(Object.entries(kinds))('finds of %s what was found in training', async (command, name) => {
    const output = `${command.replace(' ', '-')}-measured`
    const size = command === 'train draft' ? ['--hidden-size', '32', '--num-hidden-layers', '1'] : []
    const shape = ['--sequence-length', '32', '--batch-size', '4', '--steps', '10', ...size]
    const report = await train(
      command,
      data,
      '-m',
      model,
      '-o',
      join(home, output),
      '--held-out',
      held,
      ...shape,
    )
    const { drafter, tokens, window, figures } = await measured(held, output)
    expect([drafter, window, tokens % 32]).toEqual([name, 32, 0])
    const { step, held_out_loss, bits_per_byte, ...found } = report.held_out
    const { loss, ...again } = figures
    expect(Object.keys(again).sort()).toEqual(Object.keys(found).sort())
    for (const [key, value] of Object.entries(found)) expect(again[key], key).toBeCloseTo(value as number, 5)
  })

  test('prints a table by position', async () => {
    const directory = join(home, 'train-medusa-measured')
    const { stdout } = await runClass('eval', [held, '-m', model, '--drafter', directory, '--window', '32'])
    expect(stdout).toMatch(/^Drafter +Medusa heads\nPosition 1 +top-1 [\d.]+%, top-5 [\d.]+%, loss [\d.]+\n/)
    expect(stdout).toMatch(/\nPosition 4 .+\nText +[\d,]+ tokens, 32 at a time\nTime /)
  })
})

describe('--save-dtype', () => {
  test('writes half precision, and checkpoints that go on in float32', async () => {
    await train('train medusa', ...args('half', '--heads', '1', '--steps', '2', '--save-dtype', 'fp16'))
    const store = await openWeights(join(home, 'half/medusa_lm_head.safetensors'))
    expect([...store.tensors.values()].map(({ dtype }) => dtype)).toEqual(['F16', 'F16'])
    await store.close()
    const state = await openWeights(join(home, 'half/checkpoint-2/training_state.safetensors'))
    expect(new Set([...state.tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['F32']))
    await state.close()
  })
})

describe('what was trained drafts', () => {
  const foxes = ['-m', model, '--device', 'cpu', 'The red fox has', '--max-new-tokens', '24']
  const generated = async (command: string, ...more: string[]): Promise<GenerationJson> => {
    const { stdout, stderr, code } = await runClass(command, [...foxes, ...more, '--json'])
    expect(code, stderr).toBe(0)
    return JSON.parse(stdout)
  }
  const directories = Object.fromEntries(
    ['medusa', 'mtp', 'parallel'].map((name) => [name, join(home, name)]),
  )

  test.each([
    ['generate medusa', '--medusa-heads', directories.medusa, []],
    ['generate medusa', '--medusa-heads', directories.medusa, ['--medusa-nodes', '20']],
    ['generate medusa', '--medusa-heads', directories.medusa, ['--medusa-choices', '[[0],[1],[0,0],[0,1]]']],
    ['generate mtp', '--mtp-modules', directories.mtp, []],
    ['generate mtp', '--mtp-modules', directories.mtp, ['--mtp-depth', '5']],
    ['generate mtp', '--mtp-modules', directories.parallel, []],
    ['generate mtp', '--mtp-modules', directories.parallel, ['--mtp-depth', '1']],
  ])('%s %s %s %j: the text without it', async (command, flag, directory, more) => {
    for (const mode of [[], ['--do-sample', '--seed', '3', '--num-return-sequences', '2']]) {
      const plain = await generated('generate', ...mode)
      const drafted = await generated(command, flag, directory, ...more, ...mode)
      expect(drafted.ids).toEqual(plain.ids)
      expect(drafted.sequences?.map(({ ids }) => ids)).toEqual(plain.sequences?.map(({ ids }) => ids))
      // Without a size as many are drafted as pay, which depends on the machine.
      if (more.length > 0) expect(drafted.statistics.drafted_tokens).toBeGreaterThan(10)
    }
  })

  test('with typical acceptance, which is said to be lossy', async () => {
    const typical = ['--medusa-heads', directories.medusa, '--typical-acceptance', '--seed', '1']
    const { stderr } = await runClass('generate medusa', [...foxes, ...typical])
    expect(stderr).toMatch(/^Typical acceptance: the text is not distributed as the model's own\.\n/)
    const [one, again] = [
      await generated('generate medusa', ...typical),
      await generated('generate medusa', ...typical),
    ]
    expect(one.ids).toEqual(again.ids)
    expect(one.config.do_sample).toBe(true)
  })

  test.each([
    ['generate medusa', [], 2, /^Error: There are no Medusa heads: give some with --medusa-heads/],
    ['generate mtp', [], 2, /^Error: There are no modules: give some with --mtp-modules/],
    ['generate medusa', ['--medusa-heads', directories.mtp], 1, /config\.json describes no Medusa heads/],
    [
      'generate medusa',
      ['--medusa-heads', 'x', '--medusa-choices', '[[10]]'],
      2,
      /no list of paths of ranks/,
    ],
    ['generate medusa', ['--medusa-heads', 'x', '--posterior-alpha', '1'], 2, /--typical-acceptance/],
    [
      'generate mtp',
      ['--mtp-modules', directories.parallel, '--mtp-depth', '3'],
      2,
      /parallel holds 2 parallel heads, each for one token: a draft of 3 needs as many/,
    ],
  ])('%s %j is refused', async (command, more, status, says) => {
    const { code, stderr } = await runClass(command, [...foxes, ...more])
    expect([code, stderr]).toEqual([status, expect.stringMatching(says)])
  })
})

describe('heads for another model', () => {
  const narrow = join(home, 'narrow')
  const other = join(home, 'other')

  test('are refused', async () => {
    cpSync(model, other, { recursive: true })
    const { spec, store } = await openModel(model)
    const named = [...initialWeights(spec, 1)].map(([name, values]): [string, WrittenTensor] => {
      return [name, { dtype: 'F32', shape: [...store.tensors.get(name)!.shape], values }]
    })
    await store.close()
    await writeSafetensors(join(other, 'model.safetensors'), new Map(named))
    await train('train medusa', ...args('for-fox', '--heads', '1', '--steps', '1'))
    const { code, stderr } = await runClass('train medusa', [
      data,
      '-m',
      other,
      '-o',
      join(home, 'never'),
      ...rows,
      '--init',
      join(home, 'for-fox'),
    ])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^Error: The heads in \S+ were trained for another model than \S+, though one of the same shape/,
    )
    await train(
      'train base',
      data,
      '--tokenizer',
      model,
      '-o',
      narrow,
      ...rows,
      ...['--hidden-size', '32', '--num-attention-heads', '2', '--num-hidden-layers', '1', '--steps', '1'],
    )
    const run = await runClass('train medusa', [
      data,
      '-m',
      narrow,
      '-o',
      join(home, 'never'),
      ...rows,
      '--init',
      join(home, 'for-fox'),
    ])
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(/0\.0\.linear\.weight has the shape \[64,64\], and \[32,32\] is needed/)
  })
})

testRefusals('train medusa refuses', [
  {
    name: 'a directory without heads',
    command: 'train medusa',
    args: args('never', '--init', model),
    code: 1,
    says: /config\.json describes no Medusa heads/,
  },
])
