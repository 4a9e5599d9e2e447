import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const { name, bin, dependencies, oclif } = JSON.parse(read('package.json'))

/** The files of the tarball. */
const packed: string[] = (() => {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
  const report = JSON.parse(execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }))
  // npm 12 gives packages by name.
  const [{ files }] = Object.values<{ files: { path: string }[] }>(report)
  return files.map(({ path }) => path)
})()

describe('the package', () => {
  test('has what its commands, its library and its installation run', () => {
    const needed = [
      'bin/run.js',
      'dist/index.js',
      'dist/index.d.ts',
      'scripts/skip-cuda.js',
      'built-in/config.json',
    ]
    expect(packed).toEqual(expect.arrayContaining([...needed, 'dist/THIRD-PARTY-LICENSES.txt', 'LICENSE']))
  })

  test('depends on the packages that its bundle imports, and on no others but for types', () => {
    const imported = new Set(
      packed.filter((path) => /^dist\/.*\.js$/.test(path)).flatMap((path) => imports(read(path))),
    )
    // What ink and oclif look for where they are developed.
    for (const optional of ['react-devtools-core', 'typescript']) imported.delete(optional)
    expect([...imported, ...oclif.plugins, 'zod'].sort()).toEqual(Object.keys(dependencies).sort())
  })

  test('has the files that its pages link to', () => {
    const pages = packed.filter((path) => path.endsWith('.md'))
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'docs/installing.md', 'docs/library.md']))
    const missing = pages.flatMap((page) =>
      links(read(page))
        .map((link) => normalize(join(dirname(page), link)).replace(/\/$/, ''))
        .filter((path) => !packed.some((file) => file === path || file.startsWith(`${path}/`)))
        .map((path) => `${page}: ${path}`),
    )
    expect(missing).toEqual([])
  })
})

describe('the names', () => {
  test('of the commands are completed both', () => {
    expect(Object.keys(bin)).toEqual([oclif.bin, ...oclif.binAliases])
    expect(new Set(Object.values(bin)).size).toBe(1)
  })

  test('of the package are those in the pages', () => {
    const pages = packed.filter((path) => path.endsWith('.md'))
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/(?:from|require\()\s*'((?:@[\w-]+\/)?llm)'/g)].map(([, from]) => from),
    )
    expect(new Set(named)).toEqual(new Set([name]))
  })
})

/** The packages that a bundled file imports or requires. */
function imports(source: string): string[] {
  const found = source.matchAll(
    /(?:\bfrom|^import|\bimport\()\s*["']([^."'\s][^"'\s]*)["']|\.url\)\("([^."][^"]*)"\)/gm,
  )
  return [...found]
    .map(([, imported, required]) => imported ?? required)
    .filter((from) => !from.startsWith('node:') && !from.startsWith('#') && !builtinModules.includes(from))
    .map((from) =>
      from
        .split('/')
        .slice(0, from.startsWith('@') ? 2 : 1)
        .join('/'),
    )
}

/** The files that a page links to. */
function links(page: string): string[] {
  return [...page.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map(([, link]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
}

test('every page of docs is packed', () => {
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  for (const page of pages.filter((path) => path.endsWith('.md'))) expect(packed).toContain(`docs/${page}`)
})
