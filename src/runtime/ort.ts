import { createRequire } from 'node:module'
import type * as ort from 'onnxruntime-node'

// ONNX Runtime reports its use to its makers unless this is set before its library is loaded. In a bundle, what is imported
// statically is loaded first, and a module that awaits an import cannot be required.
process.env.ORT_DISABLE_TELEMETRY ??= '1'

const library: typeof ort = createRequire(import.meta.url)('onnxruntime-node')
export const { InferenceSession, Tensor, env, listSupportedBackends } = library

export type InferenceSession = ort.InferenceSession
export type Tensor = ort.Tensor
export type OnnxValueMapType = ort.InferenceSession.OnnxValueMapType
