import type { RegexBuilder } from './builder.js'
import type { Partition } from './partition.js'
import type { Regex } from './regex.js'

/** The classes of bytes that a node's derivative does not tell apart: those of every leaf that a first byte can meet. */
export function partitionOf(regexes: RegexBuilder, node: Regex): Partition {
  if (node.partition) return node.partition
  if (!regexes.isBase(node)) {
    node.partition = refine(regexes, node)
    return node.partition
  }
  let partition = regexes.basePartitions.get(node)
  if (!partition) {
    partition = refine(regexes, node)
    regexes.basePartitions.set(node, partition)
  }
  return partition
}

function refine(regexes: RegexBuilder, node: Regex): Partition {
  const { partitions } = regexes
  switch (node.kind) {
    case 'empty':
      return partitions.trivial
    case 'text': {
      if (node.text === '') return partitions.trivial
      const byte = node.text.charCodeAt(0)
      return partitions.leaf(byte, () => labelled([byte]))
    }
    case 'bytes':
      return partitions.of(labelled(node.set!))
    case 'machine': {
      const { labels, distinct = ALL_BYTES } = node.machine!
      return labels
        ? partitions.leaf(labels, () => labels)
        : partitions.leaf(distinct, () => numbered(distinct))
    }
    case 'concat': {
      const heads: Regex[] = []
      let rest = node
      for (; rest.kind === 'concat' && rest.head.nullable; rest = rest.parts[1]) heads.push(rest.head)
      return partitions.common([...heads, rest.head].map((head) => partitionOf(regexes, head)))
    }
    default:
      return partitions.common(node.parts.map((part) => partitionOf(regexes, part)))
  }
}

function labelled(bytes: Iterable<number>): Uint8Array {
  const labels = new Uint8Array(256)
  for (const byte of bytes) labels[byte] = 1
  return labels
}

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte)

/** A label for each of some bytes, and one for all others. */
function numbered(bytes: Uint8Array): Uint8Array {
  const labels = new Uint8Array(256)
  for (const [i, byte] of bytes.entries()) labels[byte] = (i + 1) % 256
  return labels
}
