import { freemem } from 'node:os'

/**
 * Bytes that this process may still take: what the machine has free, or what a container's limit (cgroup v1 or v2) leaves of it. The
 * limit is read by libuv, from Node 20.13 on.
 */
export function availableMemory(): number {
  const within = process.availableMemory?.() ?? Number.POSITIVE_INFINITY
  return Math.min(freemem(), within)
}

/** `1.5 GB`, `20 MB`. */
export function inWords(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`
}
