import { NO_NAMED } from './arguments.js'
import { compare } from './compare.js'
import { environment } from './environment.js'
import { JinjaError, typeError, unsupportedSyntax } from './errors.js'
import { iterate } from './iterate.js'
import { spend } from './meter.js'
import { call } from './methods.js'
import type { Arguments, Expression, FilterNode } from './nodes.js'
import { binary, concatenated, negated, positive, subsequence } from './operators.js'
import { repr } from './repr.js'
import type { Scope } from './scope.js'
import { filtered } from './sequence-filters.js'
import {
  Dict,
  type JinjaValue,
  type Named,
  orElse,
  Tuple,
  textOf,
  truthy,
  typeName,
  Undefined,
} from './values.js'

/** The value of an expression. @throws JinjaError with its line */
export function compute(node: Expression, scope: Scope): JinjaValue {
  spend(1)
  try {
    return evaluateNode(node, scope)
  } catch (error) {
    throw placed(error, node.line)
  }
}

/** An error with the line where it came up first. */
export function placed(error: unknown, line: number): unknown {
  if (error instanceof JinjaError) error.line ??= line
  return error
}

function evaluateNode(node: Expression, scope: Scope): JinjaValue {
  switch (node.type) {
    case 'const':
      return node.value
    case 'name':
      return orElse(scope.get(node.name), () => undefinedName(node.name))
    case 'list':
      return node.items.map((item) => compute(item, scope))
    case 'tuple':
      return new Tuple(node.items.map((item) => compute(item, scope)))
    case 'dict':
      return new Dict(node.pairs.map(([key, value]) => [compute(key, scope), compute(value, scope)]))
    case 'concat':
      return concatenated(node.items.map((item) => compute(item, scope)))
    case 'not':
      return !truthy(compute(node.operand, scope))
    case 'neg':
      return negated(compute(node.operand, scope))
    case 'pos':
      return positive(compute(node.operand, scope))
    case 'and':
    case 'or': {
      const left = compute(node.left, scope)
      return truthy(left) === (node.type === 'and') ? compute(node.right, scope) : left
    }
    case 'binary':
      return binary(node.operator, compute(node.left, scope), compute(node.right, scope))
    case 'compare':
      return compareAll(node, scope)
    case 'conditional':
      if (truthy(compute(node.test, scope))) return compute(node.value, scope)
      if (node.otherwise) return compute(node.otherwise, scope)
      return new Undefined(
        `the inline if-expression on line ${node.line} evaluated to false and no else section was defined`,
      )
    case 'attribute':
      return environment.attribute(compute(node.object, scope), node.name)
    case 'item':
      return environment.item(compute(node.object, scope), compute(node.index, scope))
    case 'slice': {
      const object = compute(node.object, scope)
      const bounds = node.bounds.map((bound) => bound && compute(bound, scope))
      return subsequence(object, bounds)
    }
    case 'call': {
      const callee = compute(node.callee, scope)
      const { args, named } = evaluateArguments(node.args, scope)
      return call(callee, args, named)
    }
    case 'filter':
      return applyFilter(node, compute(node.value!, scope), scope)
    case 'test': {
      const value = compute(node.value, scope)
      const { args, named } = evaluateArguments(node.args, scope)
      return environment.test(node.name, value, args, named)
    }
  }
}

function undefinedName(name: string): JinjaValue {
  if (['self', 'lipsum', 'cycler', 'joiner'].includes(name)) unsupportedSyntax(`the variable ${name}`)
  return new Undefined(`${repr(name)} is undefined`)
}

/** `a < b < c`: each operand is evaluated once, up to the first pair that does not hold. */
function compareAll(node: Expression & { type: 'compare' }, scope: Scope): boolean {
  let left = compute(node.first, scope)
  for (const { operator, operand } of node.rest) {
    const right = compute(operand, scope)
    if (!compare(operator, left, right)) return false
    left = right
  }
  return true
}

export function applyFilter(node: FilterNode, value: JinjaValue, scope: Scope): JinjaValue {
  const { args, named } = evaluateArguments(node.args, scope)
  try {
    return filtered(node.name, value, args, named)
  } catch (error) {
    throw placed(error, node.line)
  }
}

export function evaluateArguments(node: Arguments, scope: Scope): { args: JinjaValue[]; named: Named } {
  const args = node.positional.map((item) => compute(item, scope))
  if (node.spread) args.push(...iterateSpread(compute(node.spread, scope)))
  if (node.named.length === 0 && !node.spreadNamed) return { args, named: NO_NAMED }
  const named = new Map(node.named.map(([name, value]) => [name, compute(value, scope)] as const))
  if (node.spreadNamed) addNamed(named, compute(node.spreadNamed, scope))
  return { args, named }
}

function iterateSpread(value: JinjaValue): JinjaValue[] {
  const items = [...iterate(value)]
  if (items.length > 10_000) typeError('more than 10000 arguments are given')
  return items
}

function addNamed(named: Map<string, JinjaValue>, fields: JinjaValue): void {
  if (!(fields instanceof Dict)) typeError(`argument after ** must be a mapping, not ${typeName(fields)}`)
  for (const [key, value] of fields.entries()) {
    const name = textOf(key)
    if (name === undefined) typeError('keywords must be strings')
    if (named.has(name)) typeError(`got multiple values for keyword argument '${name}'`)
    named.set(name, value)
  }
}
