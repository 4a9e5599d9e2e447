import type { Device } from '../runtime/device.js'
import { type DeviceProbe, hasCudaProvider, probeDevice, supportedDevices } from '../runtime/device-probe.js'
import { REMEDY } from '../runtime/failures.js'
import { autoDevices } from '../runtime/session.js'
import type { Check } from './check.js'

/** One check a device that this build of ONNX Runtime knows. */
export async function* deviceChecks(): AsyncGenerator<Check, void, void> {
  const likely = autoDevices()
  for (const device of supportedDevices()) {
    if (device === 'cuda' && !hasCudaProvider()) yield missingProvider(likely.includes(device))
    else yield deviceCheck(await probeDevice(device), likely.includes(device))
  }
}

/** @param likely whether the machine looks as if it had such a device */
export function deviceCheck({ device, starts, reason }: DeviceProbe, likely: boolean): Check {
  const details = { device, starts, reason: reason ?? null }
  const name = nameOf(device)
  if (starts) return { name, state: 'ok', found: 'starts', details }
  const found = likely ? `does not start: ${reason}` : `no GPU was found (${reason})`
  const check = { name, found, details }
  if (device === 'cpu') return { ...check, state: 'problem', advice: sentence(REMEDY.cpu) }
  return { ...check, state: 'note', ...(likely && { advice: sentence(REMEDY[device]) }) }
}

function missingProvider(likely: boolean): Check {
  const found = likely
    ? 'an NVIDIA GPU is there, but the provider is not installed'
    : 'no NVIDIA GPU was found'
  return {
    name: nameOf('cuda'),
    state: 'note',
    found,
    ...(likely && { advice: sentence(REMEDY.cuda) }),
    details: { device: 'cuda', starts: false, reason: 'the provider is not installed' },
  }
}

function nameOf(device: Device): string {
  return `Device ${device}`
}

function sentence(remedy: string): string {
  return `${remedy[0].toUpperCase()}${remedy.slice(1)}.`
}
