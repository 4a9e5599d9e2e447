import type * as ort from 'onnxruntime-node'

// ONNX Runtime reports its use to its makers unless this is set before its library is loaded. In a bundle, what is imported
// statically is loaded first.
process.env.ORT_DISABLE_TELEMETRY ??= '1'

export const { InferenceSession, Tensor, env, listSupportedBackends } = await import('onnxruntime-node')

export type InferenceSession = ort.InferenceSession
export type Tensor = ort.Tensor
export type OnnxValueMapType = ort.InferenceSession.OnnxValueMapType
