export { type CachedModel, findCached, listCached } from './cache.js'
export { isModelId, type ModelId, parseModelId } from './model-id.js'
export { type PullOptions, type PullProgress, pullModel } from './pull.js'
export { type Removal, removeCached } from './remove.js'
