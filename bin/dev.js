#!/usr/bin/env node
// Runs the commands from their TypeScript sources: no build needed while developing. oclif.manifest.json, which may be older than they are,
// is left alone.
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Plugin } from '@oclif/core'
import { register } from 'tsx/esm/api'

register()
const { runCommandLine } = await import('../src/cli/run.ts')

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pjson = JSON.parse(await readFile(`${root}/package.json`, 'utf8'))
const { plugins } = pjson.oclif
pjson.oclif.commands = './src/commands'
const loaded = [
  new Plugin({ root, pjson, isRoot: true, ignoreManifest: true, errorOnManifestCreate: true }),
  ...plugins.map((name) => new Plugin({ root, name, type: 'core' })),
]
for (const plugin of loaded) await plugin.load()
await runCommandLine(
  { root, pjson, plugins: new Map(loaded.map((plugin) => [plugin.name, plugin])) },
  process.argv.slice(2),
)
