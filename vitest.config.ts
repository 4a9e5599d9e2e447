import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

/**
 * Files that replace modules, set what modules read when they are loaded, or count the process's listeners: each needs a process of its
 * own. Others share one with their modules, which saves a quarter of the time.
 */
const alone = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.test\.tsx?$/.test(file))
  .map((file) => `test/${file}`)
  .filter((file) => /vi\.(mock|hoisted)\(|listenerCount\(/.test(readFileSync(file, 'utf8')))

const include = ['test/**/*.test.{ts,tsx}']
const exclude = ['test/real-models/**', 'test/gpu/**']

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'together', include, exclude: [...exclude, ...alone], isolate: false } },
      { extends: true, test: { name: 'alone', include: alone, exclude } },
    ],
    globalSetup: ['test/build.ts'],
    // Vitest would leave a core idle, half of a small machine.
    maxWorkers: '100%',
    // They only end what hangs: the slowest test takes some seconds, on a busy machine many times as long.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Where CI is set, ink draws no view before its last.
    env: { CI: 'false', CONTINUOUS_INTEGRATION: 'false' },
    // Commands write to the real streams, which the tests capture.
    disableConsoleIntercept: true,
  },
})
