import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    exclude: ['test/real-models/**', 'test/gpu/**'],
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
