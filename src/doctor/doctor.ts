import { RUNTIME_VERSION } from '../runtime/version.js'
import { builtInCheck } from './built-in.js'
import { hubCacheCheck, ownCacheCheck } from './caches.js'
import type { Check } from './check.js'
import { deviceChecks } from './devices.js'
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
  yield versionCheck(version, RUNTIME_VERSION)
  yield processorCheck(processor())
  yield memoryCheck(memory())
  yield* deviceChecks()
  yield await ownCacheCheck()
  yield await hubCacheCheck()
  yield terminalCheck(process.stdout)
  yield await builtInCheck(builtIn)
}
