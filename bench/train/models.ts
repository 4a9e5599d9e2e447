import { specFromConfig } from '../../src/models/families/index.js'
import { llamaConfig } from '../../src/train/new-model.js'

/** The size of the built-in model, 5 million parameters. */
export const baseConfig = llamaConfig({
  vocabSize: 4096,
  hiddenSize: 256,
  layers: 6,
  heads: 4,
  kvHeads: 2,
  intermediateSize: 704,
  maxPositions: 512,
  bosTokenId: 0,
  eosTokenId: 0,
})
export const baseSpec = specFromConfig(baseConfig, 'the benchmark')

/** The shape of SmolLM2-135M. */
export const smolLm2Config = llamaConfig({
  vocabSize: 49152,
  hiddenSize: 576,
  layers: 30,
  heads: 9,
  kvHeads: 3,
  intermediateSize: 1536,
  maxPositions: 2048,
  bosTokenId: 0,
  eosTokenId: 0,
})
export const smolLm2Spec = specFromConfig(smolLm2Config, 'the benchmark')
