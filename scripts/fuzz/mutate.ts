/** Structured mutations: each takes what a sound file holds and gives what a damaged or hostile one might. */
import { pick, type Rng, whole } from './rng.js'

/** Values that readers tend to believe: sizes, signs, kinds, depths and lengths that no sound file has. */
const ODD: readonly ((random: Rng) => unknown)[] = [
  () => null,
  () => true,
  () => [],
  () => ({}),
  () => '',
  () => 0,
  () => -1,
  () => 0.5,
  () => 1e9,
  () => 2 ** 31,
  () => 2 ** 32 - 6,
  () => 2 ** 53,
  () => -1e308,
  () => 1e-320,
  () => 'NaN',
  () => '../../../etc/passwd',
  () => '\u0000',
  () => '\u001b[2J\u009b31m',
  () => '\ud800',
  () => '🙂é',
  () => '{{ 1 / 0 }}{% for i in range(10 ** 9) %}x{% endfor %}',
  () => '(a+)+$',
  () => '__proto__',
  (random) => 'x'.repeat(whole(random, 1, 100_000)),
  (random) => whole(random, -5, 300),
  (random) => Array.from({ length: whole(random, 1, 2000) }, (_, i) => i),
  (random) => deep(whole(random, 2, 3000)),
  () => ({ __proto__: null, constructor: 1, toString: 2, length: -1 }),
]

function deep(levels: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { a: value }
  return value
}

/** A JSON text with one to three changes of its tree, or of its text. */
export function mutateJson(text: string, random: Rng): string {
  if (random() < 0.15) return mutateText(text, random)
  const root = { value: JSON.parse(text) as unknown }
  for (let n = whole(random, 1, 3); n > 0; n--) changeNode(root, random)
  const changed = JSON.stringify(root.value) ?? 'null'
  if (random() < 0.05) return `\uFEFF${changed}`
  return random() < 0.05
    ? changed.replace(/:\s*-?\d+(\.\d+)?/, `: ${pick(random, ['NaN', '-Infinity', '1e999'])}`)
    : changed
}

/** Changes one node of a tree, whichever level it is on: a level is as likely to be the last as not. */
function changeNode(root: object, random: Rng): void {
  let parent = root as Record<string, unknown>
  let key = 'value'
  for (;;) {
    const value = parent[key]
    const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
    if (keys.length === 0 || random() < 0.15) break
    parent = value as Record<string, unknown>
    key = pick(random, keys)
  }
  const action = random()
  if (action < 0.55) parent[key] = pick(random, ODD)(random)
  else if (action < 0.7) remove(parent, key)
  else if (action < 0.8) parent[pick(random, Object.keys(parent))] = parent[key]
  else if (action < 0.9) rename(parent, key, random)
  else parent[key] = near(parent[key], random)
}

function remove(parent: Record<string, unknown>, key: string): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else delete parent[key]
}

function rename(parent: Record<string, unknown>, key: string, random: Rng): void {
  const value = parent[key]
  const name = pick(random, [key.toUpperCase(), `${key}s`, '', '__proto__x', 'constructor', `x${key}`])
  remove(parent, key)
  // A name in a list is in no JSON, and `constructor` is what a later change of the list would call.
  if (!Array.isArray(parent)) parent[name] = value
}

/** A value of the same kind. */
function near(value: unknown, random: Rng): unknown {
  if (typeof value === 'number') return value * pick(random, [-1, 2, 0.5, 1000]) + whole(random, -2, 2)
  if (typeof value === 'string') return mutateText(value, random)
  if (typeof value === 'boolean') return !value
  return Array.isArray(value) ? [...value, ...value] : { value }
}

const PIECES = [
  '{{',
  '}}',
  '{%',
  '%}',
  '"',
  '\\',
  ']',
  '[',
  '{',
  '}',
  ',',
  ':',
  '\n',
  '\r',
  '-',
  '&a',
  '*a',
  '1e999',
  'null',
]

/** A text of which spans are lost, doubled, moved, or replaced by what has a meaning somewhere. */
export function mutateText(text: string, random: Rng): string {
  let changed = text
  for (let n = whole(random, 1, 3); n > 0; n--) {
    const start = whole(random, 0, changed.length)
    const end = Math.min(changed.length, start + whole(random, 0, Math.max(1, Math.min(200, changed.length))))
    const [before, span, after] = [changed.slice(0, start), changed.slice(start, end), changed.slice(end)]
    changed = pick(random, [
      () => before + after,
      () => before + span + span + after,
      () => before,
      () => before + pick(random, PIECES) + span + after,
      () => before + span.replace(/\d+/, () => String(pick(random, ODD.slice(5, 14))(random))) + after,
      () => before + String(pick(random, ODD.slice(14, 24))(random)) + after,
      () => after + before,
    ])()
  }
  return changed
}

/** Bytes with some of the first `region` flipped, replaced, cut or lengthened. */
export function mutateBytes(bytes: Buffer, random: Rng, region = bytes.length): Buffer {
  const action = random()
  if (action < 0.1) return bytes.subarray(0, whole(random, 0, bytes.length))
  if (action < 0.15) return Buffer.concat([bytes, Buffer.alloc(whole(random, 1, 10_000))])
  const changed = Buffer.from(bytes)
  for (let n = whole(random, 1, 8); n > 0; n--) {
    const at = whole(random, 0, Math.min(region, changed.length) - 1)
    changed[at] = pick(random, [0, 1, 0x7f, 0x80, 0xff, changed[at] ^ (1 << whole(random, 0, 7))])
  }
  return changed
}

/** A safetensors file with a changed header, or a length of it that is not so. */
export function mutateSafetensors(bytes: Buffer, random: Rng): Buffer {
  const length = Number(bytes.readBigUInt64LE(0))
  const data = bytes.subarray(8 + length)
  const action = random()
  if (action < 0.2) return mutateBytes(bytes, random, 8 + length)
  const header = Buffer.from(mutateJson(bytes.subarray(8, 8 + length).toString(), random))
  return Buffer.concat([u64(action < 0.3 ? oddLength(random) : header.length), header, data])
}

const oddLength = (random: Rng) => pick(random, [0, 1, 7, 1e6, 2 ** 31, 2 ** 40, 2 ** 53])

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(Math.max(0, Math.floor(value))))
  return bytes
}

/** A GGUF file of which a count, length, type or offset of the header is changed, or some of its bytes. */
export function mutateGguf(bytes: Buffer, random: Rng): Buffer {
  if (random() < 0.35) return mutateBytes(bytes, random, Math.min(bytes.length, 8192))
  const changed = Buffer.from(bytes)
  // Numbers of the header stand before keys: a key's length is 8 bytes before its text.
  const places = headerNumbers(bytes)
  for (let n = whole(random, 1, 2); n > 0; n--) {
    const { at, size } = pick(random, places)
    const value = pick(random, [0, 1, 2, 5, 8, 9, 39, 255, 1e6, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 40, 2 ** 53])
    if (size === 4) changed.writeUInt32LE(value % 2 ** 32, at)
    else changed.writeBigUInt64LE(BigInt(value), at)
  }
  return changed
}

interface Place {
  readonly at: number
  readonly size: 4 | 8
}

/** Where the numbers of a sound GGUF header stand: version, counts, lengths of texts, types, scalars, lengths of arrays. */
function headerNumbers(bytes: Buffer): Place[] {
  const places: Place[] = [
    { at: 4, size: 4 },
    { at: 8, size: 8 },
    { at: 16, size: 8 },
  ]
  let at = 24
  const take = (size: 4 | 8) => {
    places.push({ at, size })
    const value = size === 4 ? bytes.readUInt32LE(at) : Number(bytes.readBigUInt64LE(at))
    at += size
    return value
  }
  const text = () => {
    const length = take(8)
    at += length
  }
  const sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]
  const value = (type: number): void => {
    if (type === 8) text()
    else if (type !== 9) {
      if (sizes[type] === 4 || sizes[type] === 8) places.push({ at, size: sizes[type] as 4 | 8 })
      at += sizes[type]
    } else {
      const item = take(4)
      for (let n = take(8); n > 0; n--) value(item)
    }
  }
  const [tensors, entries] = [Number(bytes.readBigUInt64LE(8)), Number(bytes.readBigUInt64LE(16))]
  for (let i = 0; i < entries; i++) {
    text()
    value(take(4))
  }
  for (let i = 0; i < tensors; i++) {
    text()
    for (let n = take(4); n > 0; n--) take(8)
    take(4)
    take(8)
  }
  return places
}
