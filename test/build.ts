import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/**
 * vitest's global setup: bundles `dist`, which bin/run.js runs, where it is missing or older than `src`. Types are
 * checked elsewhere.
 */
export default function build(): void {
  const built = statSync(join(ROOT, 'dist/index.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (built >= newest(join(ROOT, 'src'))) return
  execFileSync(process.execPath, ['scripts/bundle.js'], { cwd: ROOT, stdio: 'inherit' })
}

/** The time of the last change below a directory, in milliseconds. */
function newest(directory: string): number {
  const entries = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return Math.max(...entries.map((entry) => statSync(join(directory, entry)).mtimeMs))
}
