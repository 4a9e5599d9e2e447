import { expect, test } from 'vitest'
import { Contestants } from '../../src/cli/compare/strategies.js'
import { KINDS } from '../../src/compare/kinds.js'
import { specificationOf } from '../../src/compare/specification.js'
import { BUILT_IN } from '../../src/language-model/built-in.js'

test('a kind that nothing loads is an error, never plain decoding', async () => {
  const kinds = KINDS as Record<string, object>
  kinds.invented = { modes: ['greedy_search'] }
  const contestants = new Contestants({ model: BUILT_IN }, { device: 'cpu', dtype: 'fp32' }, {})
  try {
    const specification = specificationOf({ kind: 'invented' }, 'the test')
    await expect(contestants.open(specification, { layers: [], seed: 0 })).rejects.toThrow(
      'invented cannot be compared: nothing loads a strategy of the kind invented.',
    )
  } finally {
    delete kinds.invented
    await contestants.dispose()
  }
})
