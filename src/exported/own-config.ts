import { excerpt, UserError } from '../errors.js'
import { isJsonObject } from '../json.js'

type Fields = Readonly<Record<string, unknown>>

/** The field of config.json that is transformers.js's own. */
const FIELD = 'transformers.js_config'

const isName = (value: unknown) => typeof value === 'string'
const isCount = (value: unknown) =>
  typeof value === 'boolean' || (Number.isInteger(value) && Number(value) >= 0)

/** Values of its fields, each for all graphs, or an object of them by graph; also those that change nothing here. */
const KINDS: Readonly<Record<string, readonly [isKind: (value: unknown) => boolean, kind: string]>> = {
  dtype: [isName, 'a name'],
  device: [isName, 'a name'],
  kv_cache_dtype: [isName, 'a name'],
  use_external_data_format: [isCount, 'true, false or a number of files'],
}

/** Settings in `transformers.js_config` for the graph that is run. */
export interface OwnConfig {
  /** transformers.js's name of it; undefined where it leaves the choice. */
  dtype(device: string): string | undefined
  readonly device: string | undefined
}

/**
 * Reads `transformers.js_config`.
 * @param graph the name of the graph that is run
 * @param origin of config.json, for messages
 * @throws UserError for a value of another kind, where transformers.js would go on as if there were none
 */
export function ownConfig(config: Fields, graph: string, origin: string): OwnConfig {
  const own = checked(objectOf(config[FIELD], FIELD, origin), FIELD, origin)
  const all = objectOf(own.device_config, `${FIELD}.device_config`, origin)
  for (const [device, fields] of Object.entries(all)) {
    const place = `${FIELD}.device_config.${device}`
    checked(objectOf(fields, place, origin), place, origin)
  }
  const named = (value: unknown) =>
    ((isJsonObject(value) ? value[graph] : value) ?? undefined) as string | undefined
  return {
    device: named(own.device),
    dtype(device) {
      const { dtype } = objectOf(all[device], device, origin)
      const name = named(dtype ?? own.dtype)
      return name === 'auto' ? undefined : name
    },
  }
}

function checked(fields: Fields, place: string, origin: string): Fields {
  for (const [name, [isKind, kind]] of Object.entries(KINDS)) {
    const value = fields[name] ?? undefined
    const values = isJsonObject(value) ? Object.entries(value) : [['', value] as const]
    for (const [graph, each] of values) {
      if (each === undefined || each === null || isKind(each)) continue
      throw ofOtherKind(each, `${place}.${name}${graph && `.${graph}`}`, kind, origin)
    }
  }
  return fields
}

function objectOf(value: unknown, place: string, origin: string): Fields {
  const fields = value ?? {}
  if (isJsonObject(fields)) return fields
  throw ofOtherKind(value, place, 'an object', origin)
}

function ofOtherKind(value: unknown, place: string, kind: string, origin: string): UserError {
  const quoted = excerpt(JSON.stringify(value), 100)
  return new UserError(`${place} in the config.json of ${origin} is ${quoted}, not ${kind}: correct it.`)
}
