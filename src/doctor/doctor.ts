import { hubCacheCheck, ownCacheCheck } from './caches.js'
import type { Check } from './check.js'
import {
  memory,
  memoryCheck,
  nodeCheck,
  processor,
  processorCheck,
  terminalCheck,
  versionCheck,
} from './system.js'

export interface DoctorOptions {
  /** Of llm. */
  readonly version: string
  /** The directory of the built-in model. */
  readonly builtIn?: string
}

/** Looks at the surroundings, one check after the other. The network is not used, and nothing is changed but caches. */
export async function* examine({ version, builtIn }: DoctorOptions): AsyncGenerator<Check, void, void> {
  yield nodeCheck(process.versions.node)
  yield versionCheck(version)
  yield processorCheck(processor())
  yield memoryCheck(memory())
  yield terminalCheck(process.stdout)
  yield await ownCacheCheck()
  yield await hubCacheCheck()
  // Its library is loaded with the module, and may be what is wrong.
  const loaded = await import('./sessions.js').catch((error: Error) => error)
  if (loaded instanceof Error) yield missingRuntime(loaded)
  else yield* loaded.sessionChecks(builtIn)
}

function missingRuntime({ message }: Error): Check {
  return {
    name: 'ONNX Runtime',
    state: 'problem',
    found: `cannot be loaded: ${message.split('\n')[0]}`,
    advice: 'Reinstall onnxruntime-node.',
    details: { version: null },
  }
}
