import type { DecoderOptions } from './decoder.js'
import type { Settings } from './settings.js'
import type { StrategySources } from './strategies.js'

export interface ChatOptions extends DecoderOptions {
  /** As the user named it. */
  readonly modelName: string
  readonly sources: StrategySources
  readonly system?: string
  readonly settings?: Settings
  /** A strategy's name, or the path of a module; by default the settings decide. */
  readonly strategy?: string
}
