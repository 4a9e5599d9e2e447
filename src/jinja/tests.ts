import { bind, bindPlaces } from './arguments.js'
import { compare, contains, equal } from './compare.js'
import { typeError } from './errors.js'
import { FILTER_NAMES, OTHER_FILTERS } from './filter-names.js'
import { isIterable } from './iterate.js'
import { QUESTIONS } from './letter-case.js'
import { binary } from './operators.js'
import { str } from './repr.js'
import {
  Callable,
  Dict,
  Instance,
  intOf,
  isList,
  type JinjaValue,
  Markup,
  type Named,
  Range,
  Tuple,
  textOf,
  typeName,
  Undefined,
} from './values.js'

/** A test of Jinja, and the names of its other parameters. */
type Test = readonly [parameters: string, run: (value: JinjaValue, ...args: JinjaValue[]) => boolean]

const isNumber = (value: JinjaValue) => typeof value === 'number' || intOf(value) !== undefined
const isSequence = (value: JinjaValue) =>
  isList(value) ||
  value instanceof Tuple ||
  value instanceof Dict ||
  value instanceof Range ||
  value instanceof Undefined ||
  textOf(value) !== undefined
const isCallable = (value: JinjaValue) =>
  value instanceof Callable || value instanceof Undefined || (value instanceof Instance && 'call' in value)

/** Whether a value names one of these, as Python looks it up in a dict. */
const isNamed = (names: ReadonlySet<string>, value: JinjaValue) => {
  const hasHash = !isList(value) && !(value instanceof Dict)
  return hasHash ? names.has(textOf(value) ?? '') : typeError(`unhashable type: '${typeName(value)}'`)
}

const comparison = (operator: string): Test => ['other', (value, other) => compare(operator, value, other)]
const TESTS: Readonly<Record<string, Test>> = {
  odd: ['', (value) => equal(binary('%', value, 2n), 1n)],
  even: ['', (value) => equal(binary('%', value, 2n), 0n)],
  divisibleby: ['num', (value, divisor) => equal(binary('%', value, divisor), 0n)],
  defined: ['', (value) => !(value instanceof Undefined)],
  undefined: ['', (value) => value instanceof Undefined],
  filter: ['', (value) => isNamed(FILTER_NAMES, value) || isNamed(OTHER_FILTERS, value)],
  test: ['', (value) => isNamed(TEST_NAMES, value)],
  none: ['', (value) => value === null],
  boolean: ['', (value) => typeof value === 'boolean'],
  false: ['', (value) => value === false],
  true: ['', (value) => value === true],
  integer: ['', (value) => typeof value === 'bigint'],
  float: ['', (value) => typeof value === 'number'],
  lower: ['', (value) => QUESTIONS.islower(str(value))],
  upper: ['', (value) => QUESTIONS.isupper(str(value))],
  string: ['', (value) => textOf(value) !== undefined],
  mapping: ['', (value) => value instanceof Dict],
  number: ['', isNumber],
  sequence: ['', isSequence],
  sameas: ['other', (value, other) => Object.is(value, other)],
  iterable: ['', isIterable],
  callable: ['', isCallable],
  escaped: ['', (value) => value instanceof Markup],
  in: ['seq', (value, container) => contains(container, value)],
  '==': comparison('=='),
  eq: comparison('=='),
  equalto: comparison('=='),
  '!=': comparison('!='),
  ne: comparison('!='),
  '>': comparison('>'),
  gt: comparison('>'),
  greaterthan: comparison('>'),
  '>=': comparison('>='),
  ge: comparison('>='),
  '<': comparison('<'),
  lt: comparison('<'),
  lessthan: comparison('<'),
  '<=': comparison('<='),
  le: comparison('<='),
}

export const TEST_NAMES: ReadonlySet<string> = new Set(Object.keys(TESTS))

/** `value is NAME(args)`. @throws JinjaError for a test that there is not, and as Python raises */
export function runTest(name: string, value: JinjaValue, args: readonly JinjaValue[], named: Named): boolean {
  const [parameters, run] = TESTS[name]
  // Those that Python's operators are take their arguments by place.
  const isOperator = parameters === 'other' && name !== 'sameas'
  const bound = (isOperator ? bindPlaces : bind)(name, parameters, args, named)
  return run(value, ...(bound as JinjaValue[]))
}
