import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { openWeights } from '../../src/weights/index.js'
import { fileWriter, isolateEnvironment, runClass, temporaryDirectory } from './cli.js'
import { foxes as text, writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)

isolateEnvironment(home)

const data = file(text.join(''), 'foxes.txt')
const writer = join(home, 'writer')
const at = (name: string) => join(home, name)
const rows = ['--sequence-length', '32', '--batch-size', '4']
const steps = ['--warmup-steps', '2', '--learning-rate', '1e-2', '--steps', '40']

async function json(command: string, ...values: string[]) {
  const { stdout, stderr, code } = await runClass(command, [...values, '--json'])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

const heads = (command: string, output: string, ...more: string[]) =>
  json(command, data, '-m', writer, '-o', at(output), ...rows, ...steps, ...more)

const config = (output: string) => JSON.parse(readFileSync(at(`${output}/config.json`), 'utf8'))

/** A model that writes of foxes, and heads that guess the tokens that are frequent there. */
beforeAll(async () => {
  const untrained = writeTextModel(at('untrained'))
  await json('train base', data, '--init', untrained, '-o', writer, ...rows, ...steps)
  await heads('train medusa', 'shared', '--heads', '2', '--draft-vocab-size', '48')
  await heads('train medusa', 'own', '--heads', '2', '--draft-vocab-size', '48', '--own-vocabulary')
  await heads('train medusa', 'sequential', '--heads', '2', '--draft-vocab-size', '48', '--sequential')
  await heads(
    'train medusa',
    'both',
    '--heads',
    '2',
    '--draft-vocab-size',
    '48',
    '--own-vocabulary',
    '--sequential',
  )
  await heads('train mtp', 'modules', '--draft-vocab-size', '48')
  await heads('train mtp', 'parallel', '--draft-vocab-size', '48', '--parallel')
})

test('the files have the ids, and own vocabulary matrices their rows alone', async () => {
  for (const output of ['shared', 'own', 'sequential', 'both', 'modules', 'parallel']) {
    const { draft_vocab_size, draft_token_ids: ids, vocab_size } = config(output)
    expect([draft_vocab_size, ids.length, vocab_size]).toEqual([48, 48, 320])
    // What is frequent is the same for all.
    expect(ids).toEqual(config('shared').draft_token_ids)
  }
  const store = await openWeights(at('own/medusa_lm_head.safetensors'))
  expect(store.tensors.get('1.1.weight')!.shape).toEqual([48, 64])
  await store.close()
})

test.each([
  ['generate medusa', '--medusa-heads', 'shared', ['--medusa-nodes', '20']],
  ['generate medusa', '--medusa-heads', 'own', ['--medusa-nodes', '20']],
  ['generate medusa', '--medusa-heads', 'sequential', ['--medusa-nodes', '20']],
  ['generate medusa', '--medusa-heads', 'both', ['--medusa-choices', '[[0], [1], [0, 0], [1, 0]]']],
  ['generate mtp', '--mtp-modules', 'modules', ['--mtp-depth', '3']],
  ['generate mtp', '--mtp-modules', 'parallel', ['--mtp-depth', '2']],
])('%s %s %s: guesses are accepted, and the text is the one without', async (command, flag, output, size) => {
  const prompt = ['-m', writer, '--device', 'cpu', 'The red fox has', '--max-new-tokens', '24']
  const plain = await json('generate', ...prompt)
  const drafted = await json(command, ...prompt, flag, at(output), ...size)
  expect(drafted.ids).toEqual(plain.ids)
  expect(drafted.statistics.accepted_tokens).toBeGreaterThan(3)
})

test('what is measured of them is what was measured in training', async () => {
  const held = file(text.slice(20, 70).join(''), 'held.txt')
  const report = await heads('train medusa', 'held', '--held-out', held, '--draft-vocab-size', '48')
  const { figures } = await json('eval', held, '-m', writer, '--drafter', at('held'), '--window', '32')
  expect(figures.top1_1).toBeCloseTo(report.held_out.top1_1, 5)
  expect(figures.loss_1).toBeCloseTo(report.held_out.loss_1, 4)
})

test.each([
  ['train medusa', '--own-vocabulary'],
  ['train mtp', '--mtp-hidden-states-first'],
])('%s learns from what the model itself expects', async (command, flag) => {
  const kind = command.slice('train '.length)
  const learn = (name: string, ...more: string[]) =>
    heads(command, `${kind}-${name}`, flag, '--draft-vocab-size', '48', ...more)
  const text = await learn('text')
  const taught = await learn('taught', '--alpha', '0.9', '--temperature', '2')
  const none = await learn('none', '--alpha', '0')
  expect(none.held_out).toEqual(text.held_out)
  // Metrics are of the text whatever is learnt from.
  expect(taught.held_out.loss_1).not.toBe(text.held_out.loss_1)
  expect(taught.held_out.top1_1).toBeGreaterThan(0.5)
})

test('a teacher is refused where the model changes, and a temperature without a teacher', async () => {
  const start = ['-m', writer, '-o', at('refused'), ...rows]
  const both = await runClass('train medusa', [data, ...start, '--alpha', '0.9', '--joint', '0.2'])
  expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('--alpha') })
  const alone = await runClass('train mtp', [data, ...start, '--temperature', '2'])
  expect(alone).toMatchObject({ code: 2, stderr: expect.stringContaining('--alpha') })
})

test('heads go on with the tokens that they have', async () => {
  const further = [data, '-m', writer, '-o', at('further'), ...rows, '--steps', '1', '--init', at('own')]
  await json('train medusa', ...further)
  expect(config('further').draft_token_ids).toEqual(config('own').draft_token_ids)
  const { code, stderr } = await runClass('train medusa', [...further, '--draft-vocab-size', '48'])
  expect([code, stderr]).toEqual([2, expect.stringContaining('--draft-vocab-size')])
})

test.each([
  [[5, 4], /describes no Medusa heads/],
  [[5, 400], /are not for .*writer: they guess token 400, and it has 320 tokens/],
])('ids %j are refused', async (ids, says) => {
  await heads('train medusa', `broken-${ids[1]}`, '--heads', '1', '--draft-vocab-size', '16')
  const path = at(`broken-${ids[1]}/config.json`)
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), draft_token_ids: ids }))
  const broken = ['-m', writer, 'The red fox', '--medusa-heads', at(`broken-${ids[1]}`)]
  const { code, stderr } = await runClass('generate medusa', broken)
  expect([code, stderr]).toEqual([1, expect.stringMatching(says)])
})
