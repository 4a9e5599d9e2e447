import { bind, bindPlaces } from './arguments.js'
import { JinjaError, raise } from './errors.js'
import { render } from './interpreter.js'
import { LIMITS, metered } from './meter.js'
import { fromKeys, makeDict } from './methods.js'
import type { Body } from './nodes.js'
import { Namespace } from './objects.js'
import { parse } from './parser.js'
import { str } from './repr.js'
import { Scope } from './scope.js'
import { strftime } from './strftime.js'
import { Callable, fromJson, indexOf, type JinjaValue, Range, textOf } from './values.js'

/**
 * A template of Jinja as transformers' `apply_chat_template` has it: an ImmutableSandboxedEnvironment with `trim_blocks` and
 * `lstrip_blocks`, the extensions loopcontrols and `generation`, and its own `tojson`, `raise_exception` and `strftime_now`.
 */
export class Template {
  private readonly body: Body

  /** @throws JinjaError of kind `syntax` or `unsupported` */
  constructor(source: string) {
    this.body = guarded(() => parse(source))
  }

  /**
   * @param variables as JSON has them, and Float and Watched
   * @param now what `strftime_now` writes
   * @throws JinjaError; LIMITS says what a template may do at most
   */
  render(variables: Readonly<Record<string, unknown>>, now: Date = new Date()): string {
    return guarded(() =>
      metered(() => {
        const globals = new Scope(undefined)
        for (const [name, value] of globalsOf(now)) globals.set(name, value)
        const scope = new Scope(globals)
        for (const [name, value] of Object.entries(variables)) scope.set(name, fromJson(value))
        return render(this.body, new Scope(scope))
      }),
    )
  }
}

/** What exceeds JavaScript's stack is nested too deeply. */
function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new JinjaError('limit', 'it nests values, expressions or calls too deeply')
  }
}

function globalsOf(now: Date): [string, JinjaValue][] {
  const functions: Record<
    string,
    (args: readonly JinjaValue[], named: ReadonlyMap<string, JinjaValue>) => JinjaValue
  > = {
    range: makeRange,
    namespace: (args, named) => new Namespace(args, named),
    raise_exception: (args, named) => {
      throw new JinjaError('raised', str(bind('raise_exception', 'message', args, named)[0]!))
    },
    strftime_now: (args, named) => {
      const format = textOf(bind('strftime_now', 'format', args, named)[0]!)
      return format === undefined
        ? raise('TypeError', 'the format of a date is no text')
        : strftime(now, format)
    },
  }
  const dict = new Callable('TemplateDict', 'dict', makeDict, {
    fromkeys: new Callable('method', 'fromkeys', fromKeys),
  })
  return [
    ...Object.entries(functions).map(([name, run]): [string, JinjaValue] => [
      name,
      new Callable('function', name, run),
    ]),
    ['dict', dict],
  ]
}

function makeRange(args: readonly JinjaValue[], named: ReadonlyMap<string, JinjaValue>): Range {
  const [first, second, step = 1n] = bindPlaces('range', 'start / stop step', args, named)
  const bound = (value: JinjaValue) => BigInt(indexOf(value))
  const [start, stop] = second === undefined ? [0n, bound(first!)] : [bound(first!), bound(second)]
  const size = bound(step)
  if (size === 0n) raise('ValueError', 'range() arg 3 must not be zero')
  const range = new Range(start, stop, size)
  if (range.length <= LIMITS.range) return range
  raise('OverflowError', `Range too big. The sandbox blocks ranges larger than MAX_RANGE (${LIMITS.range})`)
}
