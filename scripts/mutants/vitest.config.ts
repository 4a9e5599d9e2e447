import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { MUTANTS } from './mutants.js'

const root = join(import.meta.dirname, '../..')
const { file, find, replace } = MUTANTS[Number(process.env.MUTANT) - 1]

/** The unit tests on sources with one fault; the bundle, which other tests run, is left alone. */
export default defineConfig({
  root,
  plugins: [
    {
      name: 'mutant',
      enforce: 'pre',
      transform: (code, id) =>
        id.split('?')[0] === join(root, file) ? code.replace(find, replace) : undefined,
    },
  ],
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/{real-models,gpu,e2e,package}/**'],
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
})
