import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, Plugin } from '@oclif/core'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** The manifest of the commands as they are compiled now, as `oclif manifest` makes it. */
async function loadManifest() {
  const plugin = new Plugin({ root: ROOT, type: 'core', ignoreManifest: true, errorOnManifestCreate: true })
  await plugin.load()
  return plugin.manifest
}
const manifest = await loadManifest()

test('oclif.manifest.json is that of the commands: run `npx oclif manifest` after changing them', () => {
  const committed = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8'))
  expect(committed.commands).toEqual(JSON.parse(JSON.stringify(manifest.commands)))
  expect(committed.version).toBe(manifest.version)
})

/** What a flag promises, in words on one line. */
function flagPromise(flag: Command.Flag.Cached): string {
  const option = flag.type === 'option' ? flag : undefined
  return [
    flag.char && `-${flag.char}`,
    ...(flag.aliases ?? []).map((alias) => `--${alias}`),
    option ? (option.options?.join('|') ?? 'value') : 'switch',
    option?.multiple && 'multiple',
    flag.type === 'boolean' && flag.allowNo && 'or --no-',
    flag.required && 'required',
    flag.hidden && 'hidden',
  ]
    .filter(Boolean)
    .join(' ')
}

const sorted = <Value>(entries: [string, Value][]) =>
  Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))

test('no flag has vanished or changed its meaning: run vitest with -u to accept a change', async () => {
  const commands = Object.entries(manifest.commands).map(([id, { args, flags }]): [string, object] => [
    id,
    {
      args: Object.entries(args).map(([name, { required }]) => `${name}${required ? ' required' : ''}`),
      flags: sorted(Object.entries(flags).map(([name, flag]) => [name, flagPromise(flag)])),
    },
  ])
  const snapshot = `${JSON.stringify(sorted(commands), null, 2)}\n`
  await expect(snapshot).toMatchFileSnapshot('flags.snapshot.json')
})
