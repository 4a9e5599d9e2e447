import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { Llm, type Run, temporaryDirectory } from './cli.js'

const home = temporaryDirectory()
const llm = new Llm(home)
const functions = join(home, 'cache/llm/autocomplete/functions')

let run: Run
beforeAll(async () => {
  run = await llm.run(['autocomplete', 'bash'])
})

/** What bash proposes for the last of these words. */
async function completions(...words: string[]): Promise<string[]> {
  const line = words.map((word) => `'${word}'`).join(' ')
  const { stdout, stderr } = await llm.shell(
    `source ${functions}/bash/llm.bash; COMP_WORDS=(llm ${line}); COMP_CWORD=${words.length}; ` +
      `_llm_autocomplete; printf '%s\\n' "\${COMPREPLY[@]}"`,
  )
  expect(stderr).toBe('')
  // A word is proposed once for each command below it; bash shows it once.
  return [...new Set(stdout.trimEnd().split('\n'))]
}

test('llm autocomplete says what to do, and warns of nothing', async () => {
  expect(run.code).toBe(0)
  expect(run.stdout).toContain('$(llm autocomplete script bash)')
  expect(run.stderr).toMatch(/^Building the autocomplete cache\.\.\. done\n$/)
  const script = await llm.run(['autocomplete', 'script', 'bash'])
  expect(script).toMatchObject({ code: 0, stderr: '' })
  expect(script.stdout).toContain(`${home}/cache/llm/autocomplete/bash_setup`)
})

test('bash completes commands, topics and flags', async () => {
  expect(await completions('gen')).toEqual(['generate'])
  expect(await completions('generate', 's')).toEqual(expect.arrayContaining(['sample', 'speculative']))
  expect(await completions('train', 'm')).toEqual(expect.arrayContaining(['medusa', 'mtp']))
  expect(await completions('generate', 'beam', '--num-b')).toEqual(['--num-beams', '--num-beam-groups'])
  expect(await completions('generate', 'greedy', '--num-b')).not.toContain('--num-beams')
})

test('bash goes on with names of files', async () => {
  expect(await completions('generate', '--prompt-file', 'ro')).toEqual([''])
  const { stdout } = await llm.shell(`source ${functions}/bash/llm.bash; complete -p llm`)
  expect(stdout).toBe('complete -o default -F _llm_autocomplete llm\n')
})

test('zsh has every command', async () => {
  const script = readFileSync(join(functions, 'zsh/_llm'), 'utf8')
  const { commands } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../oclif.manifest.json'), 'utf8'),
  )
  for (const id of Object.keys(commands)) expect(script).toContain(id.split(':').at(-1))
})

test('the second name of the command is completed as the first one', async () => {
  const { stdout } = await llm.shell(`source ${functions}/bash/llm.bash; complete -p llm llm-decode`)
  const command = 'complete -o default -F _llm_autocomplete'
  expect(stdout).toBe(`${command} llm\n${command} llm-decode\n`)
  expect(readFileSync(join(functions, 'zsh/_llm'), 'utf8')).toContain('compdef llm-decode=llm')
})
