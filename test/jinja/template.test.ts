import { describe, expect, it } from 'vitest'
import { JinjaError } from '../../src/jinja/errors.js'
import { Template } from '../../src/jinja/template.js'
import { Float } from '../../src/jinja/values.js'

const render = (template: string, variables = {}) => new Template(template).render(variables)

function errorOf(template: string, variables = {}): JinjaError {
  try {
    render(template, variables)
  } catch (error) {
    if (error instanceof JinjaError) return error
    throw error
  }
  throw new Error('no error')
}

describe('a template that does too much', () => {
  it.each([
    ['loops', '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}'],
    [
      'a macro that calls itself twice',
      '{% macro f(n) %}{% if n > 0 %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}',
    ],
    [
      'a list that doubles',
      '{% set ns = namespace(s=[1,2]) %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}',
    ],
    [
      'a text that doubles',
      '{% set ns = namespace(s="ab") %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}',
    ],
    ['a text repeated', '{{ "ab" * 10**9 }}'],
    ['a list repeated', '{{ ([1] * 10**9)|length }}'],
    ['padding', '{{ "%999999999d" % 1 }}'],
    ['a large number', '{{ 10 ** (10 ** 10) }}'],
    [
      'a product that grows',
      '{% set ns = namespace(n=3) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}',
    ],
    ['a macro without an end', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}'],
    ['a loop without an end', '{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}'],
    [
      'replacements',
      '{% set ns = namespace(s="a") %}{% for i in range(40) %}{% set ns.s = ns.s|replace("a", "aa") %}{% endfor %}',
    ],
    [
      'values in values',
      '{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}',
    ],
    [
      'JSON in JSON',
      '{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}',
    ],
    [
      'a comparison of these',
      '{% set a = namespace(s=[1], t=[1]) %}{% for i in range(60) %}{% set a.s = [a.s, a.s] %}{% set a.t = [a.t, a.t] %}{% endfor %}{{ a.s == a.t }}',
    ],
    ['a list of itself', '{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns }}'],
    [
      'spaces to split',
      '{% set s = " a" * 1000000 %}{% for i in range(1000) %}{% set x = s.split() %}{% endfor %}',
    ],
  ])('is stopped: %s', (_, template) => {
    expect(errorOf(template).kind).toBe('limit')
  })

  it('ends after the same number of steps, so that what is allowed does not depend on the machine', () => {
    const loop = (passes: number) =>
      `{% for i in range(${passes}) %}{% for j in range(1000) %}{% endfor %}{% endfor %}`
    expect(render(loop(300))).toBe('')
    expect(errorOf(loop(1000)).message).toBe('it takes more than 10,000,000 steps')
  })

  it('has no ranges of more than 100000 numbers, as in Jinja', () => {
    expect(errorOf('{{ range(10**9) }}').exception).toBe('OverflowError')
  })

  it.each([
    ['brackets', '('.repeat(5000)],
    ['lists', '['.repeat(5000)],
    ['signs', '-'.repeat(5000)],
    ['negations', 'not '.repeat(5000)],
    ['conditions', '1 if '.repeat(5000)],
  ])('is not parsed without end: %s', (_, start) => {
    expect(['limit', 'syntax']).toContain(errorOf(`{{ ${start} }}`).kind)
  })

  it.each([
    ['operators', `1${' + 1'.repeat(100_000)}`],
    ['filters', `"a"${'|upper'.repeat(100_000)}`],
    ['fields', `x${'.a'.repeat(100_000)}`],
  ])('does not exhaust the stack: %s', (_, expression) => {
    expect(['limit', 'runtime']).toContain(errorOf(`{{ ${expression} }}`).kind)
  })

  it('is not confused by variables that are nested deeply', () => {
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    expect(errorOf('{{ deep }}', { deep }).kind).toBe('limit')
  })
})

describe('an error', () => {
  it.each([
    ['{% for x in y %}', 1, 'the template ends without {% endfor %} for the {% for %} of line 1'],
    [
      '\n{% if x %}\n{% endfor %}',
      3,
      '{% endfor %} is unexpected where {% elif %} or {% else %} or {% endif %} is wanted for the {% if %} of line 2',
    ],
    ['\n\n{{ a b }}', 3, '"b" is unexpected where }} is wanted'],
    ['{{ "a }}', 1, 'a text is not closed'],
    ['a\n{# b', 2, 'the end of a comment is missing'],
    ['a\n{{ x|nope }}', 2, 'there is no filter nope'],
    ['{{ x is nope }}', 1, 'there is no test nope'],
  ])('of syntax has its line: %j', (template, line, message) => {
    const error = errorOf(template)
    expect({ kind: error.kind, line: error.line, message: error.message }).toEqual({
      kind: 'syntax',
      line,
      message,
    })
  })

  it.each([
    ['\n{% include "x" %}', 2, '{% include %}'],
    ['{% block a %}{% endblock %}', 1, '{% block %}'],
    ['a\r\nb\r\n{{ x|urlize }}', 3, 'the filter urlize'],
    ['{{ "\\N{BULLET}" }}', 1, 'characters by their name (\\N)'],
    ['{{ [1, 2]|batch(1) }}', 1, 'the filter batch'],
    ['{{ "{:>3}".format(1) }}', 1, 'the format ":>3" of the method format'],
    ['{{ "%x" % 255 }}', 1, 'the conversion %x'],
    ['{{ (7).real }}', 1, 'real of numbers'],
    ['{{ cycler(1) }}', 1, 'the variable cycler'],
    ['{{ lipsum() }}', 1, 'the variable lipsum'],
    ['{{ "a".encode() }}', 1, 'the method encode of texts'],
    ['\n\n{{ [1]|map("int") }}', 3, 'the printing of a value of type generator'],
  ])('names what is not understood: %j', (template, line, message) => {
    const error = errorOf(template)
    expect({ kind: error.kind, line: error.line, message: error.message }).toEqual({
      kind: 'unsupported',
      line,
      message,
    })
  })

  it.each([
    ['a\n{{ x.y.z }}', 2, "'x' is undefined"],
    [
      '{% macro f() %}\n{{ 1 + "a" }}{% endmacro %}\n\n{{ f() }}',
      2,
      "unsupported operand type(s) for +: 'int' and 'str'",
    ],
    ['{% for m in [1] %}\n\n{% set x = m / 0 %}{% endfor %}', 3, 'division by zero'],
    ['{{ {"a": 1}.b.c }}', 1, "'dict object' has no attribute 'b'"],
  ])('at run time has the line where it came up: %j', (template, line, message) => {
    const error = errorOf(template)
    expect({ kind: error.kind, line: error.line, message: error.message }).toEqual({
      kind: 'runtime',
      line,
      message,
    })
  })

  it('of the template itself has its words', () => {
    expect(errorOf('{{ raise_exception("No " ~ 1) }}')).toMatchObject({ kind: 'raised', message: 'No 1' })
  })
})

describe('variables', () => {
  it('tell floats from whole numbers', () => {
    const x = { a: new Float(1), b: 1, c: 1.5, d: 12345678901234567890n }
    expect(render('{{ x }} {{ x|tojson }}', { x })).toBe(
      '{\'a\': 1.0, \'b\': 1, \'c\': 1.5, \'d\': 12345678901234567890} {"a": 1.0, "b": 1, "c": 1.5, "d": 12345678901234567890}',
    )
  })

  it('hide functions of the same name, and cannot reach what is JavaScript', () => {
    expect(render('{{ range }}', { range: 1 })).toBe('1')
    expect(
      render('{{ x.constructor is defined }}{{ x.__proto__ }}{{ "a".constructor is defined }}', { x: {} }),
    ).toBe('FalseFalse')
    expect(
      render('{{ x.toString is defined }}{{ x.constructor }}', {
        x: JSON.parse('{"constructor":"own","__proto__":1}'),
      }),
    ).toBe('Falseown')
    expect(render('{{ constructor is defined }}{{ toString is defined }}')).toBe('FalseFalse')
  })

  it('are not changed', () => {
    const messages = [{ a: [1] }]
    expect(render('{{ messages.append is defined }}{{ messages[0].update is defined }}', { messages })).toBe(
      'FalseFalse',
    )
    expect(messages).toEqual([{ a: [1] }])
  })
})
