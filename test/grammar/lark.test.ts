import { describe, expect, it } from 'vitest'
import { type Automaton, CONTROL, DEAD } from '../../src/grammar/automaton.js'
import type { LarkOptions } from '../../src/grammar/lark/compiler.js'
import { larkAutomaton } from '../../src/grammar/lark/lark.js'
import { GrammarLimitError } from '../../src/grammar/limits.js'
import { Regexes } from '../../src/grammar/regex/nodes.js'
import { RegexAutomaton } from '../../src/grammar/regex/regex-automaton.js'
import { at, matches } from './cfg/brute-force.js'
import { tinyVocabulary } from './tiny-vocabulary.js'

/** Whether texts are whole ones of a grammar. */
function judge(
  grammar: string,
  accepted: readonly string[],
  refused: readonly string[],
  options?: LarkOptions,
): Automaton {
  const automaton = larkAutomaton(grammar, options)
  for (const text of accepted)
    expect(matches(automaton, text), `${grammar} takes ${JSON.stringify(text)}`).toBe(true)
  for (const text of refused)
    expect(matches(automaton, text), `${grammar} refuses ${JSON.stringify(text)}`).toBe(false)
  return automaton
}

describe('Lark', () => {
  it('has rules, terminals, alternatives over lines, aliases and modifiers', () => {
    judge(
      String.raw`
        // sums
        ?start: sum
              | NAME "=" sum    -> assign   # of variables
        !sum: product | sum "+" product -> add | sum "-" product
        ?product: atom | product /[*\/]/ atom
        ?atom: NUMBER -> number
             | "-" atom
             | NAME
             | "(" sum ")"
        NAME: ("a".."z" | "_")+
        NUMBER: DIGIT+ ("." DIGIT+)?
        DIGIT: /[0-9]/`,
      ['1', 'x=-1.5*(a_b+2)', '((1))/2-3'],
      ['', '1.', 'x=', '1+', 'x==1', 'X'],
    )
  })

  it('has repetitions, options and case', () => {
    judge('start: ab{3,5}\nab: "a" | "b"', ['aba', 'abaab'], ['ab', 'aaaaaa'])
    judge('start: ab{3,} ","\nab: "a" | "b"', ['aba,', 'abaabab,'], ['ab,'])
    judge(
      'start: ab{,2} ab~2 "x"~0..1\nab: "a" start? "c" | "b"',
      ['bb', 'bbbbx', 'abbcb'],
      ['b', 'bbbbb', 'abcb'],
    )
    judge(
      'start: ["a" ["b"]] "é"i "\\u00e9\\ud83d\\ude00\\n\\""',
      ['é\u00e9😀\n"', 'abÉé😀\n"'],
      ['bé\u00e9😀\n"'],
    )
    judge(
      'start: A{2} B\nA: "x"i~2..3\nB: "y"? | [C]\nC: "z"{2,}',
      ['xXxx', 'xxxxxzz', 'xxxxxxy'],
      ['xxx', 'xxxxz'],
    )
  })

  it('has regular expressions with flags, whose dot stops at newlines alone', () => {
    judge('start: /a.b/ /c.d/s /E/i', ['a\rbc\ndE', 'a\u2028bc.de'], ['a\nbc.de'])
    judge('start: /(.|\\n)*/ ";"', [';', 'a\r\nb;;'], ['a'])
    judge('start: /[^\\/]+\\/\\d{2}/', ['ab/12'], ['ab12', 'a/b/12'])
  })

  it('has & and ~ in terminals, which bind after what stands side by side and before everything', () => {
    const lines = judge(
      String.raw`start: LINES
        LINES: /[a-c \n]*/ & ~/(?s:.*)\n\n(?s:.*)/`,
      ['', 'a\nb', '\na\n'],
      ['\n\n', 'a\n\nb', 'd'],
    )
    expect(lines.next(at(lines, 'a\n'), 10)).toBe(DEAD)
    judge('start: T\nT: /[ab]*/ & /.{2}/ | "c" "d" & /c./', ['ab', 'cd'], ['a', 'c', 'abc'])
    judge('start: T\nT: ~"a"{2} & /a*/ | "b"', ['', 'aa', 'aaa', 'b'], ['a', 'bb'])
    const other = judge('start: T\nT: ~"é"', ['', 'e', 'éé', '😀'], ['é'])
    expect(other.next(other.start, 0xff)).toBe(DEAD)
    expect(other.next(at(other, [0xc3]), 0x20)).toBe(DEAD)
  })

  it('has ignored text after terminals, not before the first one', () => {
    const grammar = `
      %import common (WS, CPP_COMMENT)
      %ignore WS
      %ignore CPP_COMMENT
      start: "a" pair* B
      pair: "(" start ")"
      B: "b" "b"`
    judge(
      grammar,
      ['abb', 'a\nbb', 'a ( a(abb)bb ) // inside\n bb ', 'abb // end'],
      [' abb', 'ab b', 'a x bb'],
    )
    judge(
      `%llguidance {"allow_initial_skip": true, "no_forcing": false}\n${grammar}`,
      [' // first\nabb', 'abb'],
      ['ab b'],
    )
  })

  it('has the terminals of the library common', () => {
    const cases: Record<string, readonly [readonly string[], readonly string[]]> = {
      SIGNED_INT: [
        ['-12', '+0', '7'],
        ['', '1.', '--1'],
      ],
      DECIMAL: [
        ['1.', '.5', '12.50'],
        ['.', '1'],
      ],
      SIGNED_NUMBER: [
        ['1', '-1.5e-3', '+.5', '2E10'],
        ['e5', '1e', '-'],
      ],
      FLOAT: [
        ['1e5', '1.', '.5E+1'],
        ['1', ''],
      ],
      ESCAPED_STRING: [
        ['""', '"a\\"b\\\\"', '"é"'],
        ['"a', '"\n"', '"\\"'],
      ],
      CNAME: [
        ['_a1', 'B'],
        ['1a', ''],
      ],
      WS: [[' \t\f\r\n'], ['', 'x']],
      NEWLINE: [
        ['\n', '\r\n\n'],
        ['\r', ' '],
      ],
      C_COMMENT: [
        ['/**/', '/* a\n*** / */', '/*/*/'],
        ['/*/', '/* */ */', '/*'],
      ],
      SQL_COMMENT: [
        ['--', '-- é'],
        ['-', '--\n'],
      ],
    }
    for (const [name, [accepted, refused]] of Object.entries(cases))
      judge(`%import common.${name} -> T\nstart: T`, accepted, refused)
  })

  it('has lazy texts and texts up to a suffix', () => {
    judge(
      String.raw`
      start: (f | g)* TEXT?
      TEXT: /[^<]+/
      head[lazy]: /(.|\n)*/ "<call"
      f: head "=f>" /[0-9]+/ "</call>"
      g: until ")"
      until[capture="x", suffix="<g("]: /(.|\n)*/`,
      ['free text', 'a<b <call=f>1</call>', 'x<g()<call=f>12</call>y<g()end'],
      ['<call', 'a<call=g>1</call>', '<call=f>x</call>', 'x<g(<call'],
    )
    judge('start: digit digit\ndigit[lazy]: /[0-9]+/', ['12'], ['1', '123'])
    judge('start: all ";"\nall[stop="", capture]: /.*/', [';', 'a;;'], ['a'])
    // A text that could end later is taken in any way that fits: terminals are not greedy.
    judge(
      "start: /a+/ \"ab\" | STRING /b+/ | \"'foo'\" /c+/\nSTRING: /'[^']*'/",
      ['aaab', "'foo'bb", "'foo'cc", "'x'b"],
      ['ab', "'x'c"],
    )
  })

  it('has pieces of texts', () => {
    for (const grammar of [
      'start: "A" %regex { "substring_words": "foo bar baz" } "B"',
      'start: SUB\nSUB: "A" %regex {"substring_words": "foo bar baz"} "B"',
    ])
      judge(
        grammar,
        ['AB', 'AfooB', 'Abar bazB', 'Afoo bar B', 'A bar bazB'],
        ['AfoB', 'Afoo bazB', 'Afoo bar baz'],
      )
    judge(
      'start: %regex { "substring_chunks": ["abc", "de", "fg"] }',
      ['', 'abc', 'deFG'.toLowerCase(), 'abcdefg'],
      ['ab', 'cde', 'abcfg'],
    )
    judge(
      'start: %regex { "substring_chars": "빠른 갈색 여우가 {게}으른" }',
      ['른 갈', '여우가 {게}'],
      ['갈색 여가'],
    )
    const repeated = 'ab'.repeat(2_000)
    judge(
      `start: %regex { "substring_chars": "${repeated}" }`,
      [repeated, repeated.slice(1)],
      [`b${repeated}`, 'aa'],
    )
  })

  it('has JSON schemas by a hook, once for each text', () => {
    const asked: string[] = []
    const json = (schema: string) => {
      asked.push(schema)
      const regexes = new Regexes()
      return new RegexAutomaton(regexes, regexes.or(['{}', '{"a}":1}'].map((text) => regexes.literal(text))))
    }
    judge(
      'start: "call " body | body "!"\nbody: %json {\n  "properties": {"a}": {"const": 1}}\n}\nother: %json {"properties": {}}',
      ['call {}', '{"a}":1}!'],
      ['{}', 'call {}!'],
      { json },
    )
    expect(asked).toEqual(['{\n  "properties": {"a}": {"const": 1}}\n}', '{"properties": {}}'])
    expect(() => larkAutomaton('start: %json {}')).toThrow('are not supported here, at line 1, column 8')
  })

  it('has tokens by name, by ranges of ids, and all but some', () => {
    const vocabulary = tinyVocabulary({ 10: '<|think|>', 11: '</think>', 12: '<x>' }, { 3: ' the', 4: 'a' })
    const grammar = 'start: <|think|> <[^11-12]>* <[11]> (<[3-4,12]> "!")+'
    const automaton = larkAutomaton(grammar, { vocabulary })
    const takes = (...parts: (number | string)[]) =>
      matches(
        automaton,
        parts.flatMap((part) => (typeof part === 'number' ? [CONTROL + part] : [...Buffer.from(part)])),
      )
    expect(takes(10, 'é', 10, 11, ' the!', 12, '!a!')).toBe(true)
    expect(takes(10, 12, 11, 'a!')).toBe(false)
    expect(takes(10, 11, 3, '!')).toBe(false)
    expect(takes(10, 11)).toBe(false)
    expect(matches(larkAutomaton('start: <[*]>+', { vocabulary }), [CONTROL + 11, 97, CONTROL + 12])).toBe(
      true,
    )
    const refused: Record<string, string> = {
      'start: <|none|>': 'no token "<|none|>"',
      'start: <[9]>': 'no token of id 9',
      'start: <[*]>': 'repeated by * or +',
      'start: <[^4]>*': 'cannot be excluded',
      'start: <[5-4]>': 'ends before it begins',
      'start: <[1-2-3]>': 'is no range of token ids',
      'start: <[^*]>': 'is no range of token ids',
      'start: <[1-999999999]>': 'more than 4194304 token ids',
      'start: T\nT: <[10]>': 'can be part of a terminal',
    }
    for (const [text, message] of Object.entries(refused))
      expect(() => larkAutomaton(text, { vocabulary }), text).toThrow(message)
  })

  it('says what is wrong and where', () => {
    const refused: Record<string, string> = {
      'root: "a"': 'There is no rule "start"',
      'start: foo{7,6}\nfoo: "a"':
        "The repetition's 7 is above its 6, at line 1, column 8 of the Lark grammar.",
      'start: foo{-1,}\nfoo: "a"': 'instead of a count',
      'start: FOO\nFOO: "a" | BAR\nBAR: "b" FOO': 'refers to itself: make it a rule',
      'start: FOO\nBAR: "b"': '"FOO" is not defined, at line 1, column 8',
      'start: foo': '"foo" is not defined',
      'start: T\nT: "a" foo\nfoo: "b"': 'The rule "foo" cannot be part of a terminal, at line 2, column 8',
      'start: "a"\nstart: "b"': '"start" is defined twice',
      '%import common.BLAH\nstart: BLAH': 'no terminal "BLAH"',
      '%import other.X\nstart: X': 'Only terminals of "common" can be imported',
      'start: /[abc/': 'at line 1, column 8 of the Lark grammar',
      'start: /a': 'no closing "/"',
      'start: /[abc]/l': 'The flag "l"',
      'start: "ab".."c"': 'must be single characters',
      'start: "d".."a"': 'ends before it begins',
      'start: "test\nblah: "x"': 'no closing quotation mark, at line 1, column 8',
      'start: "\\q"': 'The escape "\\q" is not known',
      'start: "a" & "b"': '"&" and "~" are for terminals',
      'start: ("a"': 'instead of ")"',
      'start: @other': 'References to other grammars',
      'start{x}: x': 'Templates',
      'start: pair{"a"}\npair: "b"': 'Templates',
      'start.2: "a"': 'Priorities',
      '%declare A\nstart: A': '"%declare" is not supported',
      '%llguidance {"x": 1}\nstart: "a"': 'The option "x" is not supported',
      'start: a\na[max_tokens=5]: /.*/': 'The attribute "max_tokens" is not supported',
      'start: a\na[temperature=0.5]: /.*/': 'The attribute "temperature" is not supported',
      'start: a\na[stop="x"]: /.*/': 'use "suffix"',
      'start: a\na[lazy]: b\nb: "c"': 'A lazy rule is made of terminals only',
      'start: %json {"a"': 'The JSON object has no end',
      'start: %regex {"substring_words": true}': 'A %regex has one of',
      'start: %regex {}': 'A %regex has one of',
      'start: start "a"': '"start" never ends',
      'start: /a(?=b)/ "b"': 'a look-ahead sees no further than its terminal',
      'start: "b" A\nA: /[]/': '/[]/ matches no text, at line 2, column 4',
    }
    for (const [grammar, message] of Object.entries(refused)) {
      expect(() => larkAutomaton(grammar), grammar).toThrow(message)
      expect(() => larkAutomaton(grammar), grammar).toThrow(expect.objectContaining({ exitCode: 2 }))
    }
  })

  it('holds hostile grammars to limits', () => {
    const nested = (depth: number, end: string) => `start: T\nT: ${'('.repeat(depth)}"a"${end.repeat(depth)}`
    expect(matches(larkAutomaton(nested(500, '|"b")*?')), 'ab')).toBe(true)
    expect(() => larkAutomaton(nested(60_000, ')'))).toThrow(GrammarLimitError)
    expect(() => larkAutomaton(`start: T\nT: ${'~'.repeat(60_000)}"a"`)).toThrow(GrammarLimitError)
    const chain = Array.from({ length: 5_000 }, (_, i) => `T${i}: T${i + 1} "x"?`).join('\n')
    expect(matches(larkAutomaton(`start: T0\n${chain}\nT5000: "a"`), 'axxx')).toBe(true)
  })
})
