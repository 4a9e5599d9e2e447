/**
 * Puts the built-in model together from what its training left: no checkpoints and logs.
 *
 *     npx tsx scripts/built-in/assemble.ts WORK OUT
 *
 * WORK has the directories base, draft, medusa and mtp.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUILT_IN } from '../../src/language-model/built-in.js'

const [work, out] = process.argv.slice(2)

/** How it writes where nothing else is said: a model of its size repeats itself without chance. */
const GENERATION = { do_sample: true, temperature: 0.6, max_new_tokens: 128 }

for (const part of ['base', 'draft', 'medusa', 'mtp']) {
  const [from, to] = [join(work, part), part === 'base' ? out : join(out, part)]
  mkdirSync(to, { recursive: true })
  const isShipped = part === 'base' ? /\.(safetensors|json|svg)$/ : /\.(safetensors|json)$/
  for (const name of readdirSync(from).filter((name) => isShipped.test(name))) {
    copyFileSync(join(from, name), join(to, name))
  }
  const config = JSON.parse(readFileSync(join(to, 'config.json'), 'utf8'))
  if (config.base_model_name_or_path !== undefined) {
    write(join(to, 'config.json'), { ...config, base_model_name_or_path: BUILT_IN })
  }
}
const path = join(out, 'generation_config.json')
write(path, { ...(existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}), ...GENERATION })

function write(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)
}
