import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FILES, REPO } from '../hub/fixture.js'
import { HubServer } from '../hub/server.js'

const ROOT = join(import.meta.dirname, '../..')
const { name } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const page = readFileSync(join(ROOT, 'docs/library.md'), 'utf8')
/** The programs of the page by heading, each with what it writes. */
const examples = page
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const block = (kind: string) => section.split(`\`\`\`${kind}\n`)[1]?.split('```')[0]
    return { heading: section.split('\n')[0], program: block('js'), output: block('text') }
  })

const home = mkdtempSync(join(tmpdir(), 'library-'))
let hub: HubServer
beforeAll(async () => {
  hub = await HubServer.start(REPO)
  hub.commit(FILES)
  mkdirSync(join(home, 'node_modules', name, '..'), { recursive: true })
  symlinkSync(ROOT, join(home, 'node_modules', name))
})
afterAll(async () => {
  await hub.stop()
  rmSync(home, { recursive: true })
})

/** A program in a folder of its own that has the package. */
function run(program: string, file: string): Promise<{ failed: boolean; stdout: string; stderr: string }> {
  writeFileSync(join(home, file), program)
  const directories = { HOME: home, XDG_CACHE_HOME: join(home, 'cache'), XDG_RUNTIME_DIR: home }
  const options = { cwd: home, env: { ...directories, HF_ENDPOINT: hub.endpoint } }
  return new Promise((resolve) => {
    execFile(process.execPath, [file], options, (error, stdout, stderr) => {
      resolve({ failed: error !== null, stdout, stderr })
    })
  })
}

test('every section has an example', () => {
  expect(examples.length).toBeGreaterThan(5)
  for (const { program, output } of examples) expect([program, output]).not.toContain(undefined)
})

test.each(examples)(
  '$heading: the example writes what the page says',
  async ({ heading, program, output }) => {
    const { failed, stdout, stderr } = await run(program, `${heading}.mjs`)
    expect([stdout, failed], stderr).toEqual([output, false])
  },
)

test('require() gives what import does', async () => {
  const program = `
    const required = require('${name}')
    import('${name}').then((imported) => console.log(Object.keys(imported).every((key) => imported[key] === required[key])))
  `
  expect(await run(program, 'required.cjs')).toMatchObject({ failed: false, stdout: 'true\n' })
})
