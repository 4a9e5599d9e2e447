export { configFromGguf } from './gguf-config.js'
export { openWeights } from './open.js'
export { quantiseBlocks } from './quantise.js'
export type { DType, TensorInfo, WeightStore, Weights } from './types.js'
