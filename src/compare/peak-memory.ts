import { readFileSync, writeFileSync } from 'node:fs'

let isReset = false

/** Forgets the peak that Linux keeps of the process's resident size; elsewhere there is none. */
export function resetPeakMemory(): void {
  try {
    // See proc(5): 5 is for the peak alone.
    writeFileSync('/proc/self/clear_refs', '5')
    isReset = true
  } catch {
    isReset = false
  }
}

/** The largest resident size since `resetPeakMemory`, bytes; null where the system does not tell. */
export function peakMemory(): number | null {
  if (!isReset) return null
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return kilobytes === undefined ? null : Number(kilobytes) * 1024
}
