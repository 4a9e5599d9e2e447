import { RUNTIME_VERSION } from '../runtime/version.js'
import { builtInCheck } from './built-in.js'
import type { Check } from './check.js'
import { deviceChecks } from './devices.js'

/** What needs ONNX Runtime's library: its version, its devices, and a model. */
export async function* sessionChecks(builtIn?: string): AsyncGenerator<Check, void, void> {
  const details = { version: RUNTIME_VERSION }
  yield { name: 'ONNX Runtime', state: 'ok', found: `onnxruntime-node ${RUNTIME_VERSION}`, details }
  yield* deviceChecks()
  yield await builtInCheck(builtIn)
}
