import { mergeConfig } from 'vitest/config'
import base from './vitest.config.js'

/** What depends on the version of Node: processes, signals, streams, files, terminals, the network, native code and the package. */
export default mergeConfig(
  { ...base, test: { ...base.test, projects: undefined } },
  {
    test: {
      include: [
        'test/*.test.ts',
        'test/{batch,chat,cli,commands,doctor,hub,package,ui,weights}/**/*.test.{ts,tsx}',
        'test/e2e/{autocomplete,bad-*,chat,commands,doctor,generate,stream,terminal}.test.ts',
        'test/runtime/{half,parity}.test.ts',
      ],
    },
  },
)
