import { render } from 'ink-testing-library'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { GenerationText } from '../../src/ui/generation-view.js'

// Read when ink is imported; tests are not run on a terminal.
vi.hoisted(() => vi.stubEnv('FORCE_COLOR', '1'))

const statistics = {
  prompt_tokens: 5,
  generated_tokens: 60,
  time_to_first_token: 0.04,
  tokens_per_second: 82,
  steps: 60,
  drafted_tokens: 0,
  accepted_tokens: 0,
  peak_memory: 324_500_000,
}

describe('what comes from drafts', () => {
  const state = { width: 9, rows: 10, statistics: undefined }
  const text = 'one two three four\nfive'
  const drafts = [
    [
      [4, 7],
      [8, 16],
      [19, 23],
    ],
  ] as const
  const green = (part: string) => `\u001b[32m${part}\u001b[39m`
  beforeEach(() => void vi.stubEnv('NO_COLOR', undefined))

  test('is green, over the ends of rows too', () => {
    const { lastFrame } = render(<GenerationText {...state} texts={[text]} drafts={drafts} />)
    expect(lastFrame()).toBe(`one ${green('two')}\n${green('three')}\n${green('fo')}ur\n${green('five')}`)
  })

  test('is green in the end where there are several sequences', () => {
    const texts = ['one two', 'three']
    const spans = [[[4, 7]], []] as const
    const several = { ...state, width: 40, statistics }
    const { lastFrame } = render(<GenerationText {...several} texts={texts} drafts={spans} />)
    expect(lastFrame()).toContain(`one ${green('two')}`)
    expect(lastFrame()).toContain('\nthree\n')
  })

  test('has no colour with NO_COLOR', () => {
    vi.stubEnv('NO_COLOR', '1')
    const { lastFrame } = render(<GenerationText {...state} texts={[text]} drafts={drafts} />)
    expect(lastFrame()).toBe('one two\nthree\nfour\nfive')
  })
})
