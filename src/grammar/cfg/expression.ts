import type { Automaton } from '../automaton.js'
import type { Regex } from '../regex/regex.js'

/** The right side of a rule. A leaf is a language of its own: a regular expression, or any automaton, such as a JSON schema. */
export type RuleExpression =
  | { readonly kind: 'regex'; readonly regex: Regex }
  | { readonly kind: 'automaton'; readonly automaton: Automaton }
  | { readonly kind: 'rule'; readonly rule: number }
  | { readonly kind: 'sequence' | 'choice'; readonly parts: readonly RuleExpression[] }
  | { readonly kind: 'repeat'; readonly body: RuleExpression; readonly min: number; readonly max: number }

export interface Rule {
  readonly name: string
  readonly body: RuleExpression
}

/** A context-free grammar whose terminals are languages of bytes: a text is in its language if any cut into terminals derives. */
export interface RuleGrammar {
  readonly rules: readonly Rule[]
  /** The place of the rule that derives whole texts. */
  readonly start: number
}

export function ruleSequence(parts: readonly RuleExpression[]): RuleExpression {
  return parts.length === 1 ? parts[0] : { kind: 'sequence', parts }
}

export function ruleChoice(parts: readonly RuleExpression[]): RuleExpression {
  return parts.length === 1 ? parts[0] : { kind: 'choice', parts }
}

/** Rules that an expression refers to, one for each mention. */
export function ruleReferences(expression: RuleExpression): readonly number[] {
  const found: number[] = []
  const open = [expression]
  for (let next = open.pop(); next; next = open.pop()) {
    if (next.kind === 'rule') found.push(next.rule)
    else if (next.kind === 'repeat') open.push(next.body)
    else if (next.kind === 'sequence' || next.kind === 'choice')
      for (const part of next.parts) open.push(part)
  }
  return found
}
