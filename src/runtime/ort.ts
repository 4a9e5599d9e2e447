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

// Node 24 has a Float16Array, which onnxruntime-common takes for float16 tensors and the native binding for an array without
// elements. Whether there is one is looked for once, by the first tensor.
const known = Object.getOwnPropertyDescriptor(globalThis, 'Float16Array')
if (known) {
  Reflect.deleteProperty(globalThis, 'Float16Array')
  new Tensor('float16', new Uint16Array(1), [1])
  Object.defineProperty(globalThis, 'Float16Array', known)
}
