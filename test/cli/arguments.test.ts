import { describe, expect, test } from 'vitest'
import { type KnownFlags, readableArguments } from '../../src/cli/arguments.js'

const flags = {
  'do-sample': { type: 'boolean', allowNo: true, aliases: [] },
  raw: { type: 'boolean', aliases: ['plain'] },
  json: { type: 'boolean' },
  model: { type: 'option', char: 'm' },
  'max-new-tokens': { type: 'option' },
} as unknown as KnownFlags

const read = (...argv: string[]) => readableArguments(argv, flags)

describe('a boolean flag', () => {
  test.each(['true', 'false', '0', '1', 'yes', 'no', '', 'anything'])('with =%s is refused', (value) => {
    const says = '--do-sample takes no value: write --do-sample or --no-do-sample.'
    expect(() => read(`--do-sample=${value}`)).toThrow(says)
    expect(() => read(`--no-do-sample=${value}`)).toThrow(says)
    expect(() => read(`--do_sample=${value}`)).toThrow(says)
    expect(() => read(`--raw=${value}`)).toThrow('--raw takes no value: write --raw, or leave it out.')
    expect(() => read(`--plain=${value}`)).toThrow('--raw takes no value')
    expect(() => read(`--json=${value}`)).toThrow('--json takes no value')
  })

  test.each(['true', 'False', 'NO', 'yes', 'on', 'off', '0', '1'])('before %s is refused', (value) => {
    expect(() => read('--do-sample', value)).toThrow(
      `--do-sample takes no value, but ${value} follows it: write --do-sample or --no-do-sample, and -- before a text of that word.`,
    )
    expect(() => read('-m', 'x', '--raw', value)).toThrow('--raw takes no value')
  })

  test('is refused both ways, and may come twice', () => {
    expect(() => read('--do-sample', '--no-do-sample')).toThrow(/contradict each other/)
    expect(() => read('--no-do-sample', 'hi', '--do_sample')).toThrow(/contradict each other/)
    expect(read('--do-sample', '--do-sample')).toEqual(['--do-sample', '--do-sample'])
  })

  test('may come before a text, or before a word of truth after --', () => {
    for (const argv of [['--raw', 'truth'], ['--raw', '--', 'false'], ['--raw', '10'], ['--do-sample']]) {
      expect(read(...argv)).toEqual(argv)
    }
  })
})

test('what is no boolean flag stays as it is', () => {
  for (const argv of [
    ['--model', '--raw=false'],
    ['-m', '--raw=false'],
    ['--model=--raw=false', 'false'],
    ['--', '--raw=false', '--do_sample'],
    ['--frob=false', '--no-raw', '--no-json=1'],
    ['--max-new-tokens', '1', '-'],
    ['-m=x', '-5', ''],
  ]) {
    expect(read(...argv)).toEqual(argv)
  }
})

test('names in snake case are those in kebab case', () => {
  expect(read('--max_new_tokens', '5', '--no_do_sample', '--max_new_tokens=a_b=c', '--a_b')).toEqual([
    '--max-new-tokens',
    '5',
    '--no-do-sample',
    '--max-new-tokens=a_b=c',
    '--a_b',
  ])
})
