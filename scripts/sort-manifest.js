/** Sorts the commands of oclif.manifest.json, which oclif writes in the order in which the files happened to be read. */
import { readFileSync, writeFileSync } from 'node:fs'

const path = new URL('../oclif.manifest.json', import.meta.url)
const { commands, ...manifest } = JSON.parse(readFileSync(path, 'utf8'))
const sorted = Object.fromEntries(Object.entries(commands).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(path, `${JSON.stringify({ commands: sorted, ...manifest }, undefined, 2)}\n`)
