import { env } from './ort.js'

/** Of ONNX Runtime. */
export const RUNTIME_VERSION = env.versions.node ?? env.versions.common
