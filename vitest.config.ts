import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    exclude: ['test/model/**'],
    testTimeout: 30_000,
    // Commands write to the real streams, which the tests capture.
    disableConsoleIntercept: true,
  },
})
