import { describe, expect, test } from 'vitest'
import type { Row } from '../../src/batch/row.js'
import { parseScorer, requireExpected } from '../../src/compare/scorers.js'

const row = (passed: Row['passed'] = {}): Row => ({
  line: 3,
  id: 'a',
  prompt: 'Say yes.',
  passed,
  settings: {},
})
const score = (name: string, text: string, passed?: Row['passed']) =>
  parseScorer(name).score(text, row(passed))

describe('scorers', () => {
  test.each([
    ['exact', ' yes\n', 1],
    ['exact', 'yes.', 0],
    ['json', ' {"a": [1]} ', 1],
    ['json', '{"a": }', 0],
    ['json', '', 0],
    ['regex:/^Y/i', 'yes', 1],
    ['regex:/^Y/', 'yes', 0],
    ['regex:/a\\/b/', 'a/b', 1],
  ])('%s of %j', (name, text, expected) => {
    expect(score(name, text, { expected: 'yes' })).toBe(expected)
  })

  test('carry nothing from one text to the next', () => {
    const { score } = parseScorer('regex:/yes/g')
    expect([1, 2, 3].map(() => score('yes', row()))).toEqual([1, 1, 1])
  })

  test.each(['exactly', 'exact:x', 'regex', 'regex:yes', 'regex:/(/', 'command:', 'command: ', ''])(
    '%j is none',
    (name) => {
      expect(() => parseScorer(name)).toThrow(/^("|regex).* is no (scorer|regular expression): /)
    },
  )

  test('need what is expected where they compare with it', () => {
    const scorers = ['json', 'exact'].map(parseScorer)
    expect(() => requireExpected(scorers, [row({ expected: 'x' }), row()], 'rows.jsonl')).toThrow(
      'Line 3 of rows.jsonl has no text "expected", which exact needs.',
    )
    expect(() => requireExpected([scorers[0]], [row()], 'rows.jsonl')).not.toThrow()
  })
})

describe('a command', () => {
  test.each([
    ['command:grep -q yes', 'oh yes', 1],
    ['command:grep -q yes', 'oh no', 0],
    ['command:wc -c | tr -d " "', 'four', 4],
    ['command:echo 0.25; exit 1', 'x', 0],
    ['command:echo fine', 'x', 1],
    ['command:true', 'é'.repeat(200_000), 1],
  ])('%s', async (name, text, expected) => {
    expect(await score(name, text)).toBe(expected)
  })

  test('is given the row', async () => {
    const name = 'command:printf %s "$LLM_ROW" | grep -q \'{"id":"a","prompt":"Say yes.","expected":"y"}\''
    expect(await score(name, '', { expected: 'y' })).toBe(1)
    expect(await score(name, '', { expected: 'z' })).toBe(0)
  })

  test('is given a long row in a file', async () => {
    const note = 'é'.repeat(200_000)
    const bytes = Buffer.byteLength(JSON.stringify({ id: 'a', prompt: 'Say yes.', note }))
    const name = 'command:test -z "$LLM_ROW" && wc -c < "$LLM_ROW_FILE" | tr -d " "'
    expect(await score(name, '', { note })).toBe(bytes)
    expect(await score('command:test -z "$LLM_ROW_FILE"', '', {})).toBe(1)
  })

  test('that is too long for the system is an error', async () => {
    await expect(score(`command:true ${'x'.repeat(3e6)}`, 'x')).rejects.toThrow(
      /^The scorer true x+… cannot be run: /,
    )
  })

  test('that writes without end is an error', async () => {
    await expect(score('command:yes', 'x')).rejects.toThrow('The scorer yes writes without end')
  })

  test('that is not there is an error', async () => {
    await expect(score('command:no-such-command-here 2> /dev/null', 'x')).rejects.toThrow(
      'The scorer no-such-command-here 2> /dev/null cannot be run: it ended with 127.',
    )
  })

  test('ends with the comparison', async () => {
    const abort = new AbortController()
    const running = parseScorer('command:sleep 20').score('x', row(), abort.signal)
    abort.abort(new Error('Interrupted.'))
    await expect(running).rejects.toThrow('Interrupted.')
  })
})
