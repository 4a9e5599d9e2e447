import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** What patches change: by file the texts that they find there, their context and what they take away. */
function found(page: string): [file: string, texts: string[]][] {
  const patches = [...page.matchAll(/^```diff\n(.*?)^```/gms)].flatMap(([, patch]) =>
    patch.split(/^diff --git .*\n/m).slice(1),
  )
  return patches.map((patch) => {
    const [head, ...hunks] = patch.split(/^@@ .*\n/m)
    const lines = hunks.map((hunk) => hunk.split('\n').filter((line) => /^[ -]/.test(line)))
    return [
      /^\+\+\+ b\/(.*)$/m.exec(head)![1],
      lines.map((old) => old.map((line) => line.slice(1)).join('\n')),
    ]
  })
}

test.each([
  ['newcomer', 4],
  ['architecture', 3],
])('the patches of docs/%s.md apply to the sources as they are', (page, least) => {
  const patches = found(readFileSync(join(ROOT, `docs/${page}.md`), 'utf8'))
  expect(patches.length).toBeGreaterThanOrEqual(least)
  for (const [file, texts] of patches) {
    const isNew = texts.every((text) => text === '')
    expect(existsSync(join(ROOT, file)), file).toBe(!isNew)
    if (isNew) continue
    const source = readFileSync(join(ROOT, file), 'utf8')
    for (const text of texts) expect(source, file).toContain(text)
  }
})
