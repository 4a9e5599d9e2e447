import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { specFromConfig } from '../../src/models/families/index.js'
import { parametersOf } from '../../src/models/parameters.js'
import { autoRunType } from '../../src/runtime/storage.js'
import { BLOCKS } from '../../src/weights/dequantise.js'
import type { DType, WeightStore } from '../../src/weights/types.js'
import { fixturePath } from '../fixtures.js'

const config = join(fixturePath('llama'), 'config.json')
const spec = specFromConfig(JSON.parse(readFileSync(config, 'utf8')), config)
const linear = parametersOf(spec).filter(({ kind }) => kind === 'linear')

function storeOf(typeOf: (index: number) => DType): WeightStore {
  const tensors = new Map(
    linear.map(({ name }, i) => [
      name,
      { name, dtype: typeOf(i), shape: [], file: '', offset: 0, byteLength: 1 },
    ]),
  )
  return { tensors } as Partial<WeightStore> as WeightStore
}

const INT4 = 'Q4_0 Q4_1 Q2_K Q3_K Q4_K IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 NVFP4'.split(' ')
const INT8 = 'Q5_0 Q5_1 Q5_K Q6_K Q8_0'.split(' ')

test.each(Object.keys(BLOCKS) as DType[])('auto comes nearest to %s', (dtype) => {
  const nearest = INT4.includes(dtype) ? 'int4' : INT8.includes(dtype) ? 'int8' : 'fp32'
  expect(
    autoRunType(
      spec,
      storeOf(() => dtype),
      Number.POSITIVE_INFINITY,
    ),
  ).toBe(nearest)
})

test('the type of most bytes counts', () => {
  const mostly = (most: DType, other: DType) => storeOf((index) => (index === 0 ? other : most))
  expect(autoRunType(spec, mostly('IQ4_XS', 'Q6_K'), Number.POSITIVE_INFINITY)).toBe('int4')
  expect(autoRunType(spec, mostly('Q6_K', 'IQ4_XS'), Number.POSITIVE_INFINITY)).toBe('int8')
})
