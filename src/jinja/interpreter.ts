import { raise, typeError } from './errors.js'
import { applyFilter, compute, evaluateArguments, placed } from './evaluate.js'
import { iterate, iterator } from './iterate.js'
import { makeMacro } from './macro.js'
import { LIMITS, nested, spend, spendText } from './meter.js'
import { call } from './methods.js'
import type { Body, Expression, ForNode, Statement, Target } from './nodes.js'
import { Loop, Namespace } from './objects.js'
import { unpacked } from './operators.js'
import { str } from './repr.js'
import { Scope } from './scope.js'
import { type JinjaValue, textOf, truthy, typeName, Undefined } from './values.js'

/** How a body ends before its last statement. */
type Jump = 'break' | 'continue' | undefined

/** What is printed, in parts. */
class Output {
  private readonly parts: string[] = []
  private length = 0

  print(text: string): void {
    this.length += text.length
    spend(text.length / 16)
    if (this.length > LIMITS.text) spendText(this.length)
    this.parts.push(text)
  }

  toString(): string {
    return this.parts.join('')
  }
}

/** The text that statements print with the variables of a scope. @throws JinjaError with its line */
export function render(body: Body, scope: Scope): string {
  const output = new Output()
  run(body, scope, output)
  return output.toString()
}

function run(body: Body, scope: Scope, output: Output): Jump {
  for (const statement of body) {
    spend(1)
    try {
      const jump = execute(statement, scope, output)
      if (jump) return jump
    } catch (error) {
      throw placed(error, statement.line)
    }
  }
  return undefined
}

function execute(node: Statement, scope: Scope, output: Output): Jump {
  switch (node.type) {
    case 'text':
      output.print(node.text)
      return undefined
    case 'print':
      output.print(str(compute(node.value, scope)))
      return undefined
    case 'if': {
      const branch = node.branches.find(({ test }) => truthy(compute(test, scope)))
      return run(branch?.body ?? node.otherwise, scope, output)
    }
    case 'for':
      return executeFor(node, scope, output)
    case 'set':
      assignSet(node.target, node.value, scope)
      return undefined
    case 'setBlock': {
      const inner = new Scope(scope)
      const text = render(node.body, inner)
      assign(node.target, node.filter ? filtered(node.filter, text, inner) : text, scope)
      return undefined
    }
    case 'with': {
      const inner = new Scope(scope)
      for (const { target, value } of node.assignments) assign(target, compute(value, scope), inner)
      return run(node.body, inner, output)
    }
    case 'filterBlock': {
      const inner = new Scope(scope)
      output.print(printed(filtered(node.filter, render(node.body, inner), inner)))
      return undefined
    }
    case 'macro':
      scope.set(
        node.name,
        makeMacro(node.name, node.signature, scope, (inner) => render(node.body, inner)),
      )
      return undefined
    case 'callBlock': {
      const caller = makeMacro('', node.signature, scope, (inner) => render(node.body, inner))
      const callee = compute(node.call.callee, scope)
      const { args, named } = evaluateArguments(node.call.args, scope)
      output.print(printed(call(callee, args, new Map([...named, ['caller', caller]]))))
      return undefined
    }
    case 'generation':
      // transformers marks what the assistant has said by it; the text stays the same.
      output.print(render(node.body, new Scope(scope)))
      return undefined
    case 'break':
    case 'continue':
      return node.type
  }
}

/** What a block prints as it is, which Python's `join` takes texts alone of. */
function printed(value: JinjaValue): string {
  return textOf(value) ?? typeError(`sequence item 0: expected str instance, ${typeName(value)} found`)
}

/** Filters of a block's text: the innermost is the one without a value of its own. */
function filtered(filter: Expression & { type: 'filter' }, text: string, scope: Scope): JinjaValue {
  const value =
    filter.value === undefined ? text : filtered(filter.value as Expression & { type: 'filter' }, text, scope)
  return applyFilter(filter, value, scope)
}

function executeFor(node: ForNode, scope: Scope, output: Output): Jump {
  const items = compute(node.items, scope)
  if (!node.recursive) {
    runLoop(node, items, scope, output, undefined, 0)
    return undefined
  }
  const recurse = (inner: JinjaValue, depth: number): string =>
    nested(() => {
      const text = new Output()
      runLoop(node, inner, scope, text, recurse, depth)
      return text.toString()
    })
  output.print(recurse(items, 0))
  return undefined
}

function runLoop(
  node: ForNode,
  items: JinjaValue,
  scope: Scope,
  output: Output,
  recurse: ((items: JinjaValue, depth: number) => string) | undefined,
  depth: number,
): void {
  const { test } = node
  const source = test ? undefined : items
  const loop = new Loop(source, test ? selected(node, test, items, scope) : iterator(items), recurse, depth)
  // As Jinja has it, the other branch runs where no pass through the body has come to its end.
  let isDone = false
  for (let item = loop.next(); item !== undefined; item = loop.next()) {
    const inner = new Scope(scope)
    assign(node.target, item, inner)
    inner.set('loop', loop)
    const jump = run(node.body, inner, output)
    if (jump === 'break') break
    isDone ||= jump === undefined
  }
  if (!isDone) run(node.otherwise, new Scope(scope), output)
}

function* selected(node: ForNode, test: Expression, items: JinjaValue, scope: Scope): Generator<JinjaValue> {
  for (const item of iterate(items)) {
    const inner = new Scope(scope)
    assign(node.target, item, inner)
    if (truthy(compute(test, inner))) yield item
  }
}

function assignSet(target: Target, value: Expression, scope: Scope): void {
  for (const name of namespacesOf(target)) {
    if (!(scope.get(name) instanceof Namespace)) {
      raise('TemplateRuntimeError', 'cannot assign attribute on non-namespace object')
    }
  }
  assign(target, compute(value, scope), scope)
}

function namespacesOf(target: Target): string[] {
  if (target.type === 'field') return [target.namespace]
  return target.type === 'tuple' ? target.targets.flatMap(namespacesOf) : []
}

function assign(target: Target, value: JinjaValue, scope: Scope): void {
  if (target.type === 'name') scope.set(target.name, value)
  else if (target.type === 'field') {
    const namespace = scope.get(target.namespace)
    if (namespace instanceof Undefined) namespace.fail()
    if (!(namespace instanceof Namespace)) {
      raise('TemplateRuntimeError', 'cannot assign attribute on non-namespace object')
    }
    namespace.set(target.field, value)
  } else {
    const values = unpacked(iterator(value), target.targets.length)
    for (const [i, inner] of target.targets.entries()) assign(inner, values[i], scope)
  }
}
