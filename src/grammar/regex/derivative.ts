import { alternatives } from './alternatives.js'
import type { RegexBuilder } from './builder.js'
import { intersectionOf } from './intersection.js'
import type { Regex } from './regex.js'

/** The derivative by a byte: the texts that may follow it (Brzozowski 1964). Each is made once. A counter is lowered by one, never unrolled. */
export function derivativeOf(regexes: RegexBuilder, node: Regex, byte: number): Regex {
  if (node.kind === 'text' || node.kind === 'bytes') return derive(regexes, node, byte)
  const key = node.id * 256 + byte
  const known = regexes.derivatives.get(key) ?? regexes.base?.derivatives.get(key)
  if (known) return known
  regexes.charge(1)
  const made = derive(regexes, node, byte)
  regexes.derivatives.set(key, made)
  return made
}

function derive(regexes: RegexBuilder, node: Regex, byte: number): Regex {
  switch (node.kind) {
    case 'empty':
      return node
    case 'text':
      return node.text !== '' && node.text.charCodeAt(0) === byte
        ? regexes.prepend(node.text.slice(1), regexes.epsilon)
        : regexes.empty
    case 'bytes':
      return node.set!.has(byte) ? regexes.epsilon : regexes.empty
    case 'concat':
      return deriveConcat(regexes, node, byte)
    case 'or': {
      const parts: Regex[] = []
      for (const part of node.parts) {
        const after = derivativeOf(regexes, part, byte)
        if (after !== regexes.empty) parts.push(after)
      }
      return alternatives(regexes, parts)
    }
    case 'and': {
      const parts: Regex[] = []
      for (const part of node.parts) {
        const after = derivativeOf(regexes, part, byte)
        if (after === regexes.empty) return after
        parts.push(after)
      }
      return intersectionOf(regexes, parts)
    }
    case 'not':
      return regexes.not(derivativeOf(regexes, node.parts[0], byte))
    case 'repeat': {
      const [body] = node.parts
      const after = derivativeOf(regexes, body, byte)
      if (after === regexes.empty) return after
      return regexes.join(after, regexes.repeat(body, Math.max(0, node.min - 1), node.max - 1))
    }
    case 'machine': {
      const machine = node.machine!
      const before = machine.fixed?.steps ?? 0
      const next = machine.next(byte)
      regexes.charge((machine.fixed?.steps ?? 0) - before)
      return next ? regexes.machine(next) : regexes.empty
    }
  }
}

/** The factors that are reached through nullable ones are alternatives. A chain of them may be long, so that this is a loop. */
function deriveConcat(regexes: RegexBuilder, node: Regex, byte: number): Regex {
  const parts: Regex[] = []
  let rest = node
  for (; rest.kind === 'concat'; rest = rest.parts[1]) {
    const [head, tail] = rest.parts
    regexes.charge(1)
    const after = derivativeOf(regexes, head, byte)
    if (after !== regexes.empty) parts.push(regexes.join(after, tail))
    if (!head.nullable) return alternatives(regexes, parts)
  }
  parts.push(derivativeOf(regexes, rest, byte))
  return alternatives(regexes, parts)
}
