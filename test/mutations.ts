/** Values that programs take for granted not to come. */
const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e308,
  2 ** 53,
  '',
  'x',
  '../../x',
  '/etc/passwd',
  'a\0b',
  '\u001b[2J',
  '\ud800',
  'x'.repeat(10_000),
  [],
  [[]],
  {},
  { length: -1 },
  ['x', 1, null],
]

type Random = () => number

function pick<T>(values: readonly T[], random: Random): T {
  return values[Math.floor(random() * values.length)]
}

/** A JSON value in which one to three parts are replaced, left out, doubled, renamed or wrapped. */
export function mutateValue(value: unknown, random: Random): unknown {
  let mutated = value
  for (let i = 0; i <= random() * 3; i++) mutated = mutateOnce(mutated, random)
  return mutated
}

function mutateOnce(value: unknown, random: Random): unknown {
  const isObject = typeof value === 'object' && value !== null
  if (!isObject || random() < 0.1) return random() < 0.1 ? [value] : pick(ODD, random)
  if (Array.isArray(value)) {
    const at = Math.floor(random() * value.length)
    const change = random()
    if (change < 0.1) return value.toSpliced(at, 1)
    if (change < 0.2) return value.toSpliced(at, 0, value[at])
    return value.length === 0 ? [pick(ODD, random)] : value.with(at, mutateOnce(value[at], random))
  }
  const entries = Object.entries(value)
  if (entries.length === 0) return { x: pick(ODD, random) }
  const at = Math.floor(random() * entries.length)
  const [name, part] = entries[at]
  const change = random()
  if (change < 0.1) return Object.fromEntries(entries.toSpliced(at, 1))
  if (change < 0.2) return Object.fromEntries(entries.with(at, [`${name}x`, part]))
  return Object.fromEntries(entries.with(at, [name, mutateOnce(part, random)]))
}

/** Bytes of which some are cut off, left out, doubled or changed. */
export function mutateBytes(content: string | Uint8Array, random: Random): Buffer {
  const bytes = Buffer.from(content as string)
  const at = Math.floor(random() * (bytes.length + 1))
  const end = Math.min(bytes.length, at + Math.ceil(random() * 8))
  const change = random()
  if (change < 0.25) return bytes.subarray(0, at)
  if (change < 0.5) return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
  if (change < 0.6) return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
  const changed = Buffer.from(bytes)
  for (let i = at; i < end; i++) changed[i] = Math.floor(random() * 256)
  return changed
}
