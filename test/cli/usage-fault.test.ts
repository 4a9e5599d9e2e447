import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FOREIGN_NAMES } from '../../src/cli/foreign-names.js'
import { usageFault } from '../../src/cli/usage-fault.js'

interface Face {
  readonly args: Record<string, never>
  readonly flags: Record<string, never>
}

const { commands } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../oclif.manifest.json'), 'utf8'),
) as { commands: Record<string, Face> }

/** What is said of a flag that a command does not have. */
function said(id: string, flag: string): string {
  const { args, flags } = commands[id]
  const parent = commands[id.split(':')[0]]
  const name = `llm ${id.replace(':', ' ')}`
  const isFlagOfParent = (each: string) => id.includes(':') && Object.hasOwn(parent?.flags ?? {}, each)
  const error = Object.assign(new Error('Nonexistent flag'), { flags: [flag] })
  return usageFault(error, { name, args, flags, children: [], isFlagOfParent }).message
}

describe("another tool's flag", () => {
  test.each([
    ['generate', '--temp', 'did you mean --temperature?'],
    ['generate', '--n-predict', 'did you mean --max-new-tokens?'],
    ['generate', '-n', 'did you mean --max-new-tokens?'],
    ['generate', '--repeat_penalty', 'did you mean --repetition-penalty?'],
    ['generate', '--prompt', 'give PROMPT without a flag.'],
    ['generate', '-p', 'give PROMPT without a flag.'],
    ['generate', '--output-dir', 'see --help.'],
    ['generate', '--n-gpu-layers', 'did you mean --device?'],
    ['generate:greedy', '--beam-size', 'use `llm generate beam`.'],
    ['chat', '--system-prompt', 'did you mean --system?'],
    ['bench', '--n-predict', 'did you mean --tokens?'],
    ['batch', '--file', 'give INPUT without a flag.'],
    ['compare', '--num-speculative-tokens', 'did you mean --num-assistant-tokens?'],
    ['eval', '--max-length', 'did you mean --window?'],
    ['eval', '--max-steps', 'see --help.'],
    ['tokenize', '--model-name-or-path', 'did you mean --model?'],
    ['models:show', '--model', 'give MODEL without a flag.'],
    ['models:pull', '--model', 'give ID without a flag.'],
    ['train:sft', '--max-steps', 'did you mean --steps?'],
    ['train:sft', '--max_steps', 'did you mean --steps?'],
    ['train:sft', '--num-train-epochs', 'did you mean --epochs?'],
    ['train:sft', '--lr', 'did you mean --learning-rate?'],
    ['train:sft', '--per-device-train-batch-size', 'did you mean --batch-size?'],
    ['train:sft', '--output-dir', 'did you mean --output?'],
    ['train:sft', '--dataset-name', 'give FILES without a flag.'],
    ['train:base', '--block-size', 'did you mean --sequence-length?'],
  ])('llm %s %s: %s', (id, flag, advice) => {
    expect(said(id, flag)).toBe(`llm ${id.replace(':', ' ')} has no flag ${flag}: ${advice}`)
  })

  test('stands for a flag or an argument that there is', () => {
    const own = new Set(
      Object.values(commands).flatMap(({ args, flags }) => Object.keys({ ...args, ...flags })),
    )
    for (const name of Object.keys(FOREIGN_NAMES)) expect(own).toContain(name)
  })
})

test.each([
  ['generate', '--temprature', 'did you mean --temperature?'],
  ['generate', '--no-raww', 'did you mean --raw?'],
  ['generate', '--zzz', 'see --help.'],
  ['generate', '-x', 'put -- before a text that begins with a dash.'],
])('a slip of llm %s is answered, too: %s', (id, flag, advice) => {
  expect(said(id, flag)).toBe(`llm ${id} has no flag ${flag}: ${advice}`)
})
