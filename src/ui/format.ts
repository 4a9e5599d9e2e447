const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** A number of bytes in decimal units, as disks and the hub count them: `270.5 MB`. */
export function formatBytes(bytes: number): string {
  const unit = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1)
  return `${(bytes / 1000 ** unit).toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit]}`
}
