import { describe, expect, test } from 'vitest'
import type { GenerationJson } from '../../src/cli/generate/json.js'
import { isolateEnvironment, runClass, temporaryDirectory } from './cli.js'

isolateEnvironment(temporaryDirectory())

const prompt = ['Once upon a time', '--max-new-tokens', '40', '--device', 'cpu', '--dtype', 'fp32']

/** With a word on stderr about weights that are converted, and what drafts. */
async function json(args: readonly string[], command = 'generate'): Promise<GenerationJson> {
  const { code, stdout, stderr } = await runClass(command, ['--json', ...args])
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('Error')])
  return JSON.parse(stdout)
}

describe('without --model', () => {
  test('the built-in model writes sentences', async () => {
    const { code, stdout } = await runClass('generate', [...prompt, '--seed', '1'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/[a-z]+ [a-z]+ [a-z]+.*[.!?]/s)
  })

  test.each([
    ['greedily', ['--no-do-sample']],
    ['with a seed', ['--do-sample', '--seed', '3']],
  ])('its heads, modules and draft leave its text as it is, %s', async (_, how) => {
    const { ids } = await json([...prompt, ...how])
    for (const [command, ...size] of [
      ['generate medusa', '--medusa-nodes', '6'],
      ['generate medusa', '--lookup'],
      ['generate mtp', '--mtp-depth', '2', '--lookup'],
      ['generate mtp', '--mtp-depth', '3'],
      ['generate lookup', '--prompt-lookup-num-tokens', '4'],
      ['generate', '--strategy', 'auto'],
    ]) {
      const drafted = await json([...prompt, ...how, ...size], command)
      expect([command, drafted.ids]).toEqual([command, ids])
      if (command !== 'generate') expect(drafted.statistics.drafted_tokens).toBeGreaterThan(5)
    }
  })

  test('its draft model writes the greedy text', async () => {
    const { ids } = await json([...prompt, '--no-do-sample'])
    const size = ['--num-assistant-tokens', '3', '--no-do-sample']
    const drafted = await json([...prompt, ...size], 'generate speculative')
    expect(drafted.ids).toEqual(ids)
    expect(drafted.statistics.accepted_tokens).toBeGreaterThan(3)
  })
})
