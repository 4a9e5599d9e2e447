import type { Regexes } from '../regex/nodes.js'
import type { Regex } from '../regex/regex.js'
import { strongComponents } from './components.js'
import {
  type RuleExpression,
  type RuleGrammar,
  ruleChoice,
  ruleReferences,
  ruleSequence,
} from './expression.js'

/** Leaves of a rule that is written out where others refer to it, at most. */
const MOST_INLINED = 10_000

/**
 * The grammar with its regular parts as regular expressions, as large as possible: rules that do not refer to themselves, or only at
 * their very end or very begin. The language stays the same, since any cut of a text into terminals counts.
 */
export function foldRegular(regexes: Regexes, { rules, start }: RuleGrammar): RuleGrammar {
  const calls = rules.map(({ body }) => ruleReferences(body))
  const bodies = rules.map(({ body }) => body)
  /** Regular rules that others take over. */
  const inlined: (RuleExpression | undefined)[] = rules.map(() => undefined)
  const leaves = rules.map(() => 1)
  for (const component of strongComponents(rules.length, (rule) => calls[rule])) {
    for (const rule of component) {
      const folded = fold(regexes, inlined, bodies[rule])
      const own = component.length === 1 && calls[rule].includes(rule)
      const regex = own ? solve(regexes, folded, rule) : undefined
      const body: RuleExpression = regex ? { kind: 'regex', regex } : folded
      leaves[rule] = countLeaves(bodies[rule], (called) => (inlined[called] ? leaves[called] : 1))
      if (body.kind === 'regex' && leaves[rule] <= MOST_INLINED) inlined[rule] = body
      bodies[rule] = body
    }
  }
  return { rules: rules.map(({ name }, rule) => ({ name, body: bodies[rule] })), start }
}

function countLeaves(expression: RuleExpression, ofRule: (rule: number) => number): number {
  if (expression.kind === 'rule') return ofRule(expression.rule)
  if (expression.kind === 'repeat') return countLeaves(expression.body, ofRule)
  if (expression.kind === 'regex' || expression.kind === 'automaton') return 1
  return expression.parts.reduce((sum, part) => sum + countLeaves(part, ofRule), 0)
}

function fold(
  regexes: Regexes,
  inlined: readonly (RuleExpression | undefined)[],
  expression: RuleExpression,
): RuleExpression {
  switch (expression.kind) {
    case 'regex':
    case 'automaton':
      return expression
    case 'rule':
      return inlined[expression.rule] ?? expression
    case 'repeat': {
      const body = fold(regexes, inlined, expression.body)
      const { min, max } = expression
      if (body.kind === 'regex') return { kind: 'regex', regex: regexes.repeat(body.regex, min, max) }
      return { kind: 'repeat', body, min, max }
    }
    case 'sequence': {
      const parts: RuleExpression[] = []
      const add = (part: RuleExpression) => {
        const last = parts.at(-1)
        if (part.kind === 'sequence') part.parts.forEach(add)
        else if (part.kind === 'regex' && last?.kind === 'regex')
          parts[parts.length - 1] = { kind: 'regex', regex: regexes.join(last.regex, part.regex) }
        else parts.push(part)
      }
      for (const part of expression.parts) add(fold(regexes, inlined, part))
      return parts.length === 0 ? { kind: 'regex', regex: regexes.epsilon } : ruleSequence(parts)
    }
    case 'choice': {
      const regular: Regex[] = []
      const others: RuleExpression[] = []
      const add = (part: RuleExpression) => {
        if (part.kind === 'choice') part.parts.forEach(add)
        else if (part.kind === 'regex') regular.push(part.regex)
        else others.push(part)
      }
      for (const part of expression.parts) add(fold(regexes, inlined, part))
      if (regular.length > 0 || others.length === 0)
        others.push({ kind: 'regex', regex: regexes.or(regular) })
      return ruleChoice(others)
    }
  }
}

/** A ↦ repeated A | rest. */
interface Linear {
  readonly repeated: Regex
  readonly rest: Regex
}

/** The language of a rule that refers to itself only at the end, or only at the begin: A = r A | s is r* s (Arden 1961). */
function solve(regexes: Regexes, body: RuleExpression, rule: number): Regex | undefined {
  const right = linear(regexes, body, rule, false)
  if (right) return regexes.join(regexes.repeat(right.repeated, 0, Infinity), right.rest)
  const left = linear(regexes, body, rule, true)
  return left && regexes.join(left.rest, regexes.repeat(left.repeated, 0, Infinity))
}

function linear(
  regexes: Regexes,
  expression: RuleExpression,
  rule: number,
  isLeft: boolean,
): Linear | undefined {
  const { empty, epsilon } = regexes
  switch (expression.kind) {
    case 'regex':
      return { repeated: empty, rest: expression.regex }
    case 'automaton':
      return undefined
    case 'rule':
      return expression.rule === rule ? { repeated: epsilon, rest: empty } : undefined
    case 'choice': {
      const parts = expression.parts.map((part) => linear(regexes, part, rule, isLeft))
      if (!parts.every((part) => part !== undefined)) return undefined
      return {
        repeated: regexes.or(parts.map((part) => part.repeated)),
        rest: regexes.or(parts.map((part) => part.rest)),
      }
    }
    case 'sequence': {
      let known: Linear = { repeated: empty, rest: epsilon }
      for (const part of isLeft ? expression.parts : [...expression.parts].reverse()) {
        const next = linear(regexes, part, rule, isLeft)
        if (!next || (next.repeated !== empty && known !== undefined && !isNothing(known, epsilon, empty)))
          return undefined
        if (next.repeated !== empty) known = next
        else
          known = isLeft
            ? {
                repeated: regexes.join(known.repeated, next.rest),
                rest: regexes.join(known.rest, next.rest),
              }
            : {
                repeated: regexes.join(next.rest, known.repeated),
                rest: regexes.join(next.rest, known.rest),
              }
      }
      return known
    }
    case 'repeat': {
      if (expression.min !== 0 || expression.max !== 1) return undefined
      const body = linear(regexes, expression.body, rule, isLeft)
      return body && { repeated: body.repeated, rest: regexes.or([body.rest, epsilon]) }
    }
  }
}

function isNothing({ repeated, rest }: Linear, epsilon: Regex, empty: Regex): boolean {
  return repeated === empty && rest === epsilon
}
