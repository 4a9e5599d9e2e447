import { defineConfig } from 'vitest/config'

/** Strategies on WebGPU; they skip, saying why, where there is no adapter. See test/gpu/README.md. */
export default defineConfig({
  test: {
    include: ['test/gpu/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
})
