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
  readonly all: Partition[]
  private readonly byHash: Map<number, readonly Partition[]>
  private readonly products: Map<number, Partition>
  private readonly leaves: Map<unknown, Partition>
  /** One class of all bytes. */
  readonly trivial: Partition

  /** @param base whose partitions are these ones' too */
  constructor(base?: Partitions) {
    this.all = base ? [...base.all] : []
    this.byHash = new Map(base?.byHash)
    this.products = new Map(base?.products)
    this.leaves = new Map(base?.leaves)
    this.trivial = this.of(new Uint8Array(256))
  }

  /** @param labels bytes with the same label are one class, [256]. */
  of(labels: Uint8Array): Partition {
    return this.#intern(renumbered((byte) => labels[byte], 256))
  }

  /** The same, made once for a key: a byte that is told apart from all others, or the labels of many machines. */
  leaf(key: number | Uint8Array, labelsOf: () => Uint8Array): Partition {
    const known = this.leaves.get(key) ?? this.of(labelsOf())
    this.leaves.set(key, known)
    return known
  }

  /** The coarsest partition that both are unions of. */
  product(a: Partition, b: Partition): Partition {
    if (a === b || b.size === 1) return a
    if (a.size === 1) return b
    const key = a.id < b.id ? a.id * 2 ** 26 + b.id : b.id * 2 ** 26 + a.id
    let known = this.products.get(key)
    if (!known) {
      known = this.#intern(refined(a, b))
      this.products.set(key, known)
    }
    return known
  }

  /** The coarsest partition that all of these are unions of. Those of some of them alone are not kept. */
  common(parts: readonly Partition[]): Partition {
    const [first = this.trivial, ...others] = new Set(parts)
    if (others.length < 2) return this.product(first, others[0] ?? first)
    return this.#intern(others.reduce<Classes>(refined, first))
  }

  #intern({ classes, size }: Classes): Partition {
    const hash = classes.reduce((bits, number) => (Math.imul(bits, 31) + number) | 0, 0)
    const bucket = this.byHash.get(hash) ?? []
    for (const known of bucket) if (known.classes.every((c, byte) => c === classes[byte])) return known
    const seen = new Uint8Array(size)
    const representatives: number[] = []
    for (const byte of READABLE) if (!seen[classes[byte]]++) representatives.push(byte)
    const made = new Partition(this.all.length, classes, Uint8Array.from(representatives))
    this.all.push(made)
    this.byHash.set(hash, [...bucket, made])
    return made
  }
}

type Classes = Pick<Partition, 'classes' | 'size'>

function refined(a: Classes, b: Classes): Classes {
  return renumbered((byte) => a.classes[byte] * b.size + b.classes[byte], a.size * b.size)
}

/** The classes of bytes with the same label, numbered by their first bytes. @param labels that there may be */
function renumbered(labelOf: (byte: number) => number, labels: number): Classes {
  const numbers = new Int16Array(labels).fill(-1)
  const classes = new Uint8Array(256)
  let size = 0
  for (let byte = 0; byte < 256; byte++) {
    const label = labelOf(byte)
    if (numbers[label] < 0) numbers[label] = size++
    classes[byte] = numbers[label]
  }
  return { classes, size }
}
