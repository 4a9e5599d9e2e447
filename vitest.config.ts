import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['test/**/*.test.{ts,tsx}'], exclude: ['test/model/**'], testTimeout: 30_000 },
})
