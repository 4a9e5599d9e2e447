import type { RegexBuilder } from './builder.js'
import type { Partition } from './partition.js'
import type { Regex } from './regex.js'

/** The classes of bytes that a node's derivative does not tell apart: those of every leaf that a first byte can meet. */
export function partitionOf(regexes: RegexBuilder, node: Regex): Partition {
  node.partition ??= refine(regexes, node)
  return node.partition
}

function refine(regexes: RegexBuilder, node: Regex): Partition {
  const { partitions } = regexes
  switch (node.kind) {
    case 'empty':
      return partitions.trivial
    case 'text':
      return node.text === '' ? partitions.trivial : partitions.of(labelled([node.text.charCodeAt(0)]))
    case 'bytes':
      return partitions.of(labelled(node.set!))
    case 'machine': {
      const labels = new Uint8Array(256)
      const apart = node.machine!.distinct
      if (apart)
        apart.forEach((byte, i) => {
          labels[byte] = i + 1
        })
      else
        labels.forEach((_, byte) => {
          labels[byte] = byte
        })
      return partitions.of(labels)
    }
    case 'concat': {
      let product = partitions.trivial
      let rest = node
      for (; rest.kind === 'concat'; rest = rest.parts[1]) {
        product = partitions.product(product, partitionOf(regexes, rest.parts[0]))
        if (!rest.parts[0].nullable) return product
      }
      return partitions.product(product, partitionOf(regexes, rest))
    }
    default:
      return node.parts.reduce(
        (product, part) => partitions.product(product, partitionOf(regexes, part)),
        partitions.trivial,
      )
  }
}

function labelled(bytes: Iterable<number>): Uint8Array {
  const labels = new Uint8Array(256)
  for (const byte of bytes) labels[byte] = 1
  return labels
}
