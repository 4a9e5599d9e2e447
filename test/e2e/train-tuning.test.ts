import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openModel } from '../../src/language-model/load.js'
import { openWeights } from '../../src/weights/index.js'
import { fileWriter, isolateEnvironment, on, runClass, temporaryDirectory } from './cli.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const write = fileWriter(home)
const model = writeTextModel(join(home, 'model'))
isolateEnvironment(home)

const words = 'the other rest in the north has come there on time and once more'.split(' ')
const pairs = Array.from({ length: 80 }, (_, i) => ({
  prompt: `${words[i % words.length]} ${words[(i * 5) % words.length]}: `,
  completion: words[(i + 1) % words.length],
}))
const jsonLines = (values: readonly object[]) => values.map((value) => JSON.stringify(value)).join('\n')
const answers = write(jsonLines(pairs), 'answers.jsonl')
const text = write(
  Array.from({ length: 1200 }, (_, i) => words[(i * i) % words.length]).join(' '),
  'text.txt',
)

const few = ['--batch-size', '8', '--micro-batch', '4', '--warmup-steps', '2', '--seed', '1']

/** Arguments of a small run, in rows of 32 tokens where they do not say otherwise. */
function small(args: readonly string[], output: string): string[] {
  const length = args.includes('--sequence-length') ? [] : ['--sequence-length', '32']
  return [...args, ...few, ...length, '-o', output]
}

interface StepEntry {
  readonly loss: number
}

/** Trains, and returns what --json prints and the losses of the steps. */
async function trained(command: string, args: readonly string[], output: string) {
  const { stdout, stderr, code } = await runClass(command, [...small(args, output), '--json'])
  expect(code, stdout + stderr).toBe(0)
  const lines = readFileSync(join(output, 'log.jsonl'), 'utf8').trim().split('\n')
  const losses = lines.map((line): StepEntry => JSON.parse(line)).flatMap(({ loss }) => loss ?? [])
  return { report: JSON.parse(stdout), losses }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

async function refusal(command: string, args: readonly string[]): Promise<string> {
  const { stderr, code } = await runClass(command, small(args, join(home, 'refused')))
  expect(code, stderr).toBe(2)
  return stderr
}

async function tensor(path: string, name: string): Promise<Float32Array> {
  const store = await openWeights(path)
  try {
    return await store.read(name)
  } finally {
    await store.close()
  }
}

const QUERY = 'model.layers.1.self_attn.q_proj.weight'
const UP = 'model.layers.1.mlp.up_proj.weight'

describe('train sft', () => {
  const lora = ['--lora-r', '4', '--lora-target-modules', 'q_proj, v_proj', '--learning-rate', '1e-2']

  test('trains adapters, and merges them into a model that generates', async () => {
    const output = join(home, 'tuned')
    const { report, losses } = await trained(
      'train sft',
      [answers, '-m', model, ...lora, '--steps', '20'],
      output,
    )
    expect(report).toMatchObject({ model: output, finished: true, step: 20 })
    expect(losses).toHaveLength(20)
    expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 3)) - 0.5)

    // Merged: W + α/r · B A where it is adapted, and the same elsewhere.
    const before = await tensor(model, QUERY)
    const after = await tensor(output, QUERY)
    const adapter = join(output, 'adapter')
    const a = await tensor(adapter, `base_model.model.${QUERY.replace('weight', 'lora_A.weight')}`)
    const b = await tensor(adapter, `base_model.model.${QUERY.replace('weight', 'lora_B.weight')}`)
    for (const [row, column] of [
      [0, 0],
      [5, 60],
      [63, 63],
    ]) {
      const products = Array.from({ length: 4 }, (_, k) => b[row * 4 + k] * a[k * 64 + column])
      const change = (16 / 4) * products.reduce((sum, product) => sum + product, 0)
      expect(Math.abs(change)).toBeGreaterThan(1e-6)
      expect(after[row * 64 + column]).toBeCloseTo(before[row * 64 + column] + change, 6)
    }
    expect(await tensor(output, UP)).toEqual(await tensor(model, UP))
    expect(JSON.parse(readFileSync(join(adapter, 'adapter_config.json'), 'utf8'))).toMatchObject({
      base_model_name_or_path: model,
      r: 4,
      lora_alpha: 16,
      target_modules: ['q_proj', 'v_proj'],
    })
    const said = await runClass('generate', on(output, 'the: ', '--max-new-tokens', '4'))
    expect(said.code, said.stderr).toBe(0)
  })

  test('goes on from a checkpoint of adapters, and refuses other ones', async () => {
    const whole = join(home, 'whole')
    const halves = join(home, 'halves')
    const args = [answers, '-m', model, ...lora, '--steps', '6', '--save-steps', '3']
    await trained('train sft', args, whole)
    await trained('train sft', args, halves)
    rmSync(join(halves, 'checkpoint-6'), { recursive: true })
    const refused = await runClass('train sft', small([...args, '--lora-alpha', '3', '--resume'], halves))
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/cannot be resumed with other settings: lora\.alpha was 16, is 3\. Give/)
    await trained('train sft', [...args, '--resume'], halves)
    expect(await tensor(halves, QUERY)).toEqual(await tensor(whole, QUERY))
  })

  test('trains all weights with --full', async () => {
    const output = join(home, 'full')
    const { losses } = await trained('train sft', [answers, '-m', model, '--full', '--steps', '10'], output)
    expect(losses.at(-1)).toBeLessThan(losses[0])
    expect(await tensor(output, UP)).not.toEqual(await tensor(model, UP))
    expect(() => readFileSync(join(output, 'adapter', 'adapter_config.json'))).toThrow('ENOENT')
  })

  test('learns the answers of chats by the template', async () => {
    const template = "{% for m in messages %}{{ m.role + ': ' + m.content + '\\n' }}{% endfor %}"
    const prompted = `${template}{% if add_generation_prompt %}assistant: {% endif %}`
    const chatty = writeTextModel(join(home, 'chatty'), { tokenizerConfig: { chat_template: prompted } })
    const chats = pairs.map(({ prompt, completion }) => ({
      messages: [
        { role: 'user', content: prompt },
        { role: 'assistant', content: completion },
      ],
    }))
    const args = [
      write(jsonLines(chats), 'chats.jsonl'),
      '-m',
      chatty,
      '--learning-rate',
      '1e-2',
      '--steps',
      '10',
    ]
    const { losses } = await trained('train sft', [...args, '--sequence-length', '64'], join(home, 'chat'))
    expect(mean(losses.slice(-3))).toBeLessThan(mean(losses.slice(0, 3)))
  })

  test.each([
    [['--lora-target-modules', 'w_proj'], /no module "w_proj" to adapt: choose from q_proj, /],
    [['--lora-target-modules', ''], /no module "" to adapt/],
    [['--lora-r', '0'], /--lora-r: Expected an integer greater than or equal to 1 but received: 0/],
    [['--full', '--lora-r', '4'], /--lora-r=4 cannot also be provided when using --full/],
    [['--sequence-length', '256'], /--sequence-length cannot be 256: the model is meant for 128 tokens/],
  ])('refuses %j', async (args, sentence) => {
    expect(await refusal('train sft', [answers, '-m', model, ...args])).toMatch(sentence)
  })

  test('refuses text without answers', async () => {
    const sentence = /is text without answers: .* llm train base --init/
    expect(await refusal('train sft', [answers, text, '-m', model])).toMatch(sentence)
    const documents = write(jsonLines([{ text: 'once more' }]), 'documents.jsonl')
    expect(await refusal('train sft', [documents, '-m', model])).toMatch(sentence)
    expect(await refusal('train sft', [answers, '--held-out', text, '-m', model])).toMatch(sentence)
  })
})

describe('train draft', () => {
  const draft = join(home, 'draft')
  const args = [
    text,
    '-m',
    model,
    '--hidden-size',
    '32',
    '--num-hidden-layers',
    '1',
    '--learning-rate',
    '1e-2',
  ]

  test('distils a model with the tokenizer of its target, and goes on from it with --init', async () => {
    const { report, losses } = await trained('train draft', [...args, '--steps', '30'], draft)
    expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 3)) - 0.1)
    const { held_out_loss, cross_entropy, bits_per_byte, agreement, acceptance } = report.held_out
    expect(held_out_loss).not.toBe(cross_entropy)
    expect(bits_per_byte).toBeGreaterThan(0)
    expect(agreement).toBeGreaterThanOrEqual(0)
    expect(agreement).toBeLessThanOrEqual(1)
    expect(acceptance).toBeGreaterThan(0)
    expect(acceptance).toBeLessThan(1)

    const { spec, store, loadTokenizer } = await openModel(draft)
    await store.close()
    expect(spec).toMatchObject({ hiddenSize: 32, heads: 1, vocabSize: 320, maxPositions: 128 })
    expect(spec.layers).toEqual(['full'])
    expect((await loadTokenizer()).encode('the north')).toHaveLength(6)
    expect([...store.tensors.keys()].some((name) => name.startsWith('teacher.'))).toBe(false)

    const further = [text, '-m', model, '--init', draft, '--learning-rate', '1e-3', '--steps', '2']
    const next = await trained('train draft', further, join(home, 'further'))
    expect(next.losses[0]).toBeLessThan(mean(losses.slice(0, 3)) - 0.1)
  })

  test("is at most a tenth of its target's size by default", async () => {
    const { stderr, code } = await runClass(
      'train draft',
      small([text, '-m', model, '--steps', '1'], join(home, 'small')),
    )
    expect(code, stderr).toBe(0)
    const [, parameters] = /The draft has ([\d,]+) parameters, [\d.]+% of its target's\./.exec(stderr)!
    expect(Number(parameters.replace(',', ''))).toBeLessThanOrEqual(13356)
  })

  test('refuses a draft whose tokens are not those of its target', async () => {
    const other = writeTextModel(join(home, 'other'))
    const path = join(other, 'tokenizer.json')
    write(readFileSync(path, 'utf8').replaceAll('th', 'zh').replaceAll('t h', 'z h'), 'other/tokenizer.json')
    expect(await refusal('train draft', [text, '-m', model, '--init', other])).toMatch(
      /other is no draft for .*model, since token \d+ is "zh" in one and "th" in the other: a draft needs its target's vocabulary/,
    )
  })

  test.each([
    [['--alpha', '2'], /--alpha cannot be "2": give a number from 0 to 1/],
    [['--temperature', '0'], /--temperature cannot be "0"/],
    [
      ['--num-hidden-layers', '50'],
      /No draft of 50 layers has at most a tenth of the target's 133568 parameters: .* --hidden-size/,
    ],
    [['--init', 'x', '--hidden-size', '32'], /--hidden-size=32 cannot also be provided when using --init/],
  ])('refuses %j', async (given, sentence) => {
    expect(await refusal('train draft', [text, '-m', model, ...given])).toMatch(sentence)
  })
})
