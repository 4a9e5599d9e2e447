import { defineConfig } from 'vitest/config'

/** Slow tests against real models; each skips, saying why, where its model is not at hand. */
export default defineConfig({
  test: { include: ['test/real-models/**/*.test.ts'], testTimeout: 600_000, fileParallelism: false },
})
