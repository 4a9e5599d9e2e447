import { execFileSync } from 'node:child_process'
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'

const SCRIPT = join(import.meta.dirname, '../../scripts/skip-cuda.js')
const home = mkdtempSync(join(tmpdir(), 'llm-'))
afterAll(() => rmSync(home, { recursive: true }))

const runtime = join(home, 'node_modules/onnxruntime-node')
const install = join(runtime, 'script/install.js')
const own = join(home, 'node_modules/llm/scripts/skip-cuda.js')

beforeEach(() => {
  rmSync(join(home, 'node_modules'), { recursive: true, force: true })
  mkdirSync(join(own, '..'), { recursive: true })
  mkdirSync(join(install, '..'), { recursive: true })
  copyFileSync(SCRIPT, own)
  writeFileSync(join(home, 'node_modules/llm/package.json'), '{"type": "module"}')
  writeFileSync(join(runtime, 'package.json'), '{"name": "onnxruntime-node"}')
  writeFileSync(install, "'use strict'\nconsole.log('downloads')\n")
})

/** What a script prints, with these variables beside those of the system that it needs. */
function run(path: string, env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(process.execPath, [path], { env, encoding: 'utf8' })
}

test('the script of onnxruntime-node downloads only what is asked for', () => {
  expect(run(install)).toBe('downloads\n')
  run(own)
  expect(run(install)).toBe('')
  for (const name of ['ONNXRUNTIME_NODE_INSTALL', 'npm_config_onnxruntime_node_install_cuda']) {
    expect(run(install, { [name]: 'cuda12' })).toBe('downloads\n')
  }
})

test('it is changed once, and a file that it shares with others stays as it is', () => {
  const shared = join(home, 'shared.js')
  rmSync(shared, { force: true })
  linkSync(install, shared)
  run(own)
  const changed = readFileSync(install, 'utf8')
  run(own)
  expect(readFileSync(install, 'utf8')).toBe(changed)
  expect(run(shared)).toBe('downloads\n')
})

test('where there is no such package, nothing happens', () => {
  rmSync(runtime, { recursive: true })
  expect(run(own)).toBe('')
})
