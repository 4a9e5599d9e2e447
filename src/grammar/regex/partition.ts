/**
 * A partition of the bytes into classes that a regex does not tell apart. Interned by `Partitions`: equal partitions are one object.
 */
export class Partition {
  constructor(
    readonly id: number,
    /** The class of each byte, [256]; classes are numbered by their first byte. */
    readonly classes: Uint8Array,
    /** The most readable byte of each class, classes in an order of readability. */
    readonly representatives: Uint8Array,
  ) {}

  get size(): number {
    return this.representatives.length
  }
}

/** Bytes by readability: digits, letters, the space, other ASCII, parts of longer characters, controls. */
const READABLE = Uint8Array.from(
  Array.from({ length: 256 }, (_, byte) => byte).sort((a, b) => rank(a) - rank(b) || a - b),
)
/** The place of each byte in `READABLE`. */
const PLACES = new Uint8Array(256)
READABLE.forEach((byte, place) => {
  PLACES[byte] = place
})

function rank(byte: number): number {
  if (byte >= 0x80) return 5
  if (byte < 0x20 || byte === 0x7f) return 6
  return [/[0-9]/, /[a-z]/, /[A-Z]/, / /, /./].findIndex((kind) => kind.test(String.fromCharCode(byte)))
}

/** The byte of a set that is most readable. */
export function mostReadable(bytes: Iterable<number>): number {
  let best = -1
  for (const byte of bytes) if (best < 0 || PLACES[byte] < PLACES[best]) best = byte
  return best
}

/** The partitions of one factory of regexes. */
export class Partitions {
  readonly all: Partition[] = []
  readonly #byHash = new Map<number, Partition[]>()
  readonly #products = new Map<number, Partition>()
  /** One class of all bytes. */
  readonly trivial = this.of(new Uint8Array(256))

  /** @param labels bytes with the same label are one class, [256]. */
  of(labels: Uint8Array): Partition {
    const numbers = new Int16Array(256).fill(-1)
    const classes = new Uint8Array(256)
    let size = 0
    let hash = 0
    for (let byte = 0; byte < 256; byte++) {
      if (numbers[labels[byte]] < 0) numbers[labels[byte]] = size++
      classes[byte] = numbers[labels[byte]]
      hash = (Math.imul(hash, 31) + classes[byte]) | 0
    }
    return this.#intern(classes, size, hash)
  }

  /** The coarsest partition that both are unions of. */
  product(a: Partition, b: Partition): Partition {
    if (a === b || b.size === 1) return a
    if (a.size === 1) return b
    const key = a.id < b.id ? a.id * 2 ** 26 + b.id : b.id * 2 ** 26 + a.id
    const known = this.#products.get(key)
    if (known) return known
    const numbers = new Int16Array(a.size * b.size).fill(-1)
    const classes = new Uint8Array(256)
    let size = 0
    let hash = 0
    for (let byte = 0; byte < 256; byte++) {
      const pair = a.classes[byte] * b.size + b.classes[byte]
      if (numbers[pair] < 0) numbers[pair] = size++
      classes[byte] = numbers[pair]
      hash = (Math.imul(hash, 31) + classes[byte]) | 0
    }
    const made = this.#intern(classes, size, hash)
    this.#products.set(key, made)
    return made
  }

  #intern(classes: Uint8Array, size: number, hash: number): Partition {
    const bucket = this.#byHash.get(hash) ?? []
    for (const known of bucket) if (known.classes.every((c, byte) => c === classes[byte])) return known
    const seen = new Uint8Array(size)
    const representatives: number[] = []
    for (const byte of READABLE) if (!seen[classes[byte]]++) representatives.push(byte)
    const made = new Partition(this.all.length, classes, Uint8Array.from(representatives))
    this.all.push(made)
    bucket.push(made)
    this.#byHash.set(hash, bucket)
    return made
  }
}
