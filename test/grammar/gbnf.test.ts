import { describe, expect, it } from 'vitest'
import { type Automaton, CONTROL } from '../../src/grammar/automaton.js'
import { gbnfAutomaton } from '../../src/grammar/gbnf.js'
import { GrammarError } from '../../src/grammar/grammar-text.js'
import { GrammarLimitError } from '../../src/grammar/limits.js'
import { at, isAlive, matches } from './cfg/brute-force.js'
import { tinyVocabulary } from './tiny-vocabulary.js'

/** Whether texts are whole ones of a grammar. */
function judge(grammar: string, accepted: readonly string[], refused: readonly string[]): Automaton {
  const automaton = gbnfAutomaton(grammar)
  for (const text of accepted)
    expect(matches(automaton, text), `${grammar} takes ${JSON.stringify(text)}`).toBe(true)
  for (const text of refused)
    expect(matches(automaton, text), `${grammar} refuses ${JSON.stringify(text)}`).toBe(false)
  return automaton
}

const JSON_GRAMMAR = String.raw`
# JSON as llama.cpp writes it: whitespace follows what it may follow
root    ::= value
value   ::= object | array | string | number | ("true" | "false" | "null") ws
object  ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array   ::= "[" ws (
              value
              ("," ws value)*    # more of them
            )? "]" ws
string  ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number  ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9]{1,15})? ws
ws      ::= | " " | "\n" [ \t]{0,20}
`

describe('GBNF', () => {
  it('has sums, products and calls with blanks between them', () => {
    judge(
      String.raw`
        root  ::= sum
        sum   ::= term ws (("+" | "-") ws term)*
        term  ::= unit ws (("*" | "/") ws unit)*
        unit  ::= number | name | "(" sum ")" | name ws "(" (sum ("," ws sum)*)? ")"
        number ::= [0-9]+
        name  ::= [a-zA-Z_] [a-zA-Z0-9_]*
        ws    ::= [ \t\n\r]?`,
      [
        '7',
        'a',
        'a+10',
        'n1 - n2',
        '(a+b)*(c-d)',
        'f()',
        'f(x, y+2)/3',
        'g(f(x),(h(y,z)))',
        `${'1*2+3/4-'.repeat(50)}5`,
      ],
      ['', '+', '/ 3', 'a + + b', 'f(,)', 'f(a b)', '(a + b', 'a)', '12a', '1+'],
    )
  })

  it('has JSON', () => {
    const json = judge(
      JSON_GRAMMAR,
      [
        '{}',
        '[]',
        '"é\\u00e9\\n"',
        '-0.5e+10',
        '[1, 2,\n  {"a": {"b": [true, false, null]}}]',
        `${'['.repeat(200)}${']'.repeat(200)}`,
      ],
      ['', '{', '[1,]', '{"a"}', '{"a":1,}', '"\n"', '"\\x"', '01', '1.', '[1 2]', 'True', ' 1'],
    )
    expect(json.freeText(at(json, '{"a": "b'))).toBe(Infinity)
    expect(Buffer.from(json.completion(at(json, '{"a": [[{"b'))).toString()).toMatch(/^":\s*\d\}\]\]\}$/)
  })

  it('has lists, moves of chess, programs and Japanese', () => {
    judge(
      'root ::= item+\n# items\nitem ::= "- " [^\\r\\n\\x0b\\x0c\\x85\\u2028\\u2029]+ "\\n"',
      ['- a\n', '- a\n- b c\n'],
      ['', '- \n', '- a', 'a\n', '- a\u2028\n'],
    )
    judge(
      String.raw`root ::= (
          "1. " move " " move "\n"   # the first moves
          ([1-9] [0-9]? ". " move " " move "\n")+
        )
        move    ::= (pawn | piece | castle) [+#]?
        piece   ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
        pawn    ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
        castle  ::= "O-O" "-O"?`,
      ['1. e4 e5\n2. Nf3 Nc6\n', '1. e4 d5\n2. exd5 Qxd5+\n3. O-O-O h1=Q#\n'],
      ['1. e4 e5\n', '2. e4 e5\n2. e4 e5\n', '1. e9 e5\n2. e4 e5\n', '1. e4 e5\n2. Nf3\n'],
    )
    judge(
      String.raw`root ::= (declaration)*
        declaration ::= type name "(" parameter? ")" "{" statement* "}"
        type  ::= "int" ws | "char" ws
        name  ::= [a-zA-Z_] [a-zA-Z_0-9]*
        parameter ::= type name
        statement ::= type name ws "=" ws expression ";" | name ws "=" ws expression ";" |
          "return" ws expression ";" |
          "while" "(" condition ")" "{" statement* "}" | "if" "(" condition ")" "{" statement* "}" ("else" "{" statement* "}")?
        condition ::= expression ("<=" | "<" | "==" | "!=" | ">=" | ">") expression
        expression ::= term (("+" | "-") term)*
        term ::= factor (("*" | "/") factor)*
        factor ::= name | name "(" expression? ("," expression)* ")" | "-" factor | "(" expression ")" | [0-9]+
        ws ::= ([ \t\n]+)`,
      [
        '',
        'int f(){return 1;}',
        'int f(int n){while(n<=1){n = n-1;}return n*f(n-1);}',
        'int a(){}char b(int c){if(c==1){}else{c = -(c);}}',
      ],
      ['int f()', 'int (){}', 'int f(){return ;}', 'f(){}', 'int f(){if(a){}}'],
    )
    judge(
      'root ::= line+\nline ::= [ぁ-ゟ゠-ヿ、-〾一-鿿０-９]+ "。\\n"?',
      ['ひらがな', 'カタカナ。\n漢字、です。\n'],
      ['', 'hiragana', 'か 。'],
    )
  })

  it('has characters by escapes, classes and the dot', () => {
    judge(
      'root ::= ... "abc" ...',
      ['abcabcabc', '🔵🟠✅abc❌🟠🔵'],
      ['aabcaaa', 'aaaabcaaaa', '🔵🟠abc🟠🔵'],
    )
    judge(String.raw`root ::= "\x41\u00e9\U0001F600\t\r\n\\\""`, ['Aé😀\t\r\n\\"'], ['A'])
    judge(String.raw`root ::= [\]\\\-^a-c-]+ [^\x00-\x7f]`, ['a]\\-^-é'], ['aa', 'dé', '[é'])
    judge('root ::= [^] []? "x"', ['ax', '\nx'], ['x', 'aax'])
  })

  it('has repetitions', () => {
    judge(
      'root ::= cons+ vowel* cons? (vowel cons)*\nvowel ::= [aeiouy]\ncons ::= [bcdfghjklmnpqrstvwxyz]',
      ['yes', 'crwth', 'bryyyy'],
      ['yess', 'forty', ''],
    )
    judge(
      'root ::= ("0x" [A-F0-9]{2} " "?){3,5}',
      ['0xFF 0x12 0xAB', '0xFF 0x12 0xAB 0x00 0x00'],
      ['0xFF 0x12', '0xFF 0x12 0xAB 0x00 0x00 0x00'],
    )
    judge('root ::= "ab"{2} [c]{1,} "d"{0,2}', ['ababc', 'ababccdd'], ['abc', 'abab', 'ababcddd'])
    judge('root ::= ( [x]* )*', ['', 'xx'], ['y'])
    judge('root ::= (((((([^x]*){0,99}){0,99}){0,99}){0,99}){0,99}){0,99}', ['', 'abc'.repeat(40)], ['x'])
    judge('root ::= ("a" root? "b"){2000,}', ['ab'.repeat(2_000)], ['ab'.repeat(1_999)])
  })

  it('allows left recursion, which llama.cpp refuses, plain, mutual and after what may be empty', () => {
    judge('root ::= "a" | root "a"', ['a', 'aaa'], ['', 'b'])
    judge(
      'root ::= asdf\nasdf ::= "a" | foo "b"\nfoo ::= "c" | empty asdf "d" | "e"\nempty ::= "blah" | ',
      ['a', 'cb', 'eb', 'adb', 'blahadb', 'blahblahadbdb'],
      ['ab', 'blaha', 'adbd'],
    )
    judge('root ::= root "+" root | root "*" root | "(" root ")" | [0-9]', ['1', '1+2*(3+4)'], ['1+', '()'])
  })

  it('ends rules with their lines but in groups and at bars', () => {
    judge(
      'root ::= "a" |\n  "b"\n  # a comment\n  | (\n "c"\n "d"\n )\nother ::= "x"',
      ['a', 'b', 'cd'],
      ['x', 'ab'],
    )
    judge('\r\nroot ::=\r\n  x-1_Y # done\r\n\r\nx-1_Y ::= "a" |\r\n', ['a', ''], ['b'])
  })

  it('has tokens by id and by name, and all but some', () => {
    const vocabulary = tinyVocabulary({ 10: '<think>', 11: '</think>', 12: '<tool>' }, { 3: ' the' })
    const thinking = gbnfAutomaton('root ::= <think> (!</think>)* </think> [a-z]+ <[3]>', { vocabulary })
    const bytes = (text: string) => [...Buffer.from(text)]
    const takes = (...parts: (number | string)[]) =>
      matches(
        thinking,
        parts.flatMap((part) => (typeof part === 'number' ? [CONTROL + part] : bytes(part))),
      )
    expect(takes(10, 'text </think>é', 12, 10, 11, 'ok the')).toBe(true)
    expect(takes(10, 11, 'ok the')).toBe(true)
    expect(takes(10, 11, 'ok', 3)).toBe(false)
    expect(takes(10, 'x', 11, 11, 'ok the')).toBe(false)
    expect(takes('<think>', 11, 'ok the')).toBe(false)
    expect([...thinking.controls(at(thinking, [CONTROL + 10]))].sort()).toEqual([10, 11, 12])
    expect(thinking.freeText(at(thinking, [CONTROL + 10]))).toBe(Infinity)
    expect(Buffer.from(thinking.completion(thinking.start)).toString()).toMatch(/^[a-z] the$/)
    expect(matches(gbnfAutomaton('root ::= <[1000]> "a"'), [CONTROL + 1000, 97])).toBe(true)
    const refused: Record<string, string> = {
      'root ::= <nothing>': 'no token "<nothing>"',
      'root ::= <[77]>': 'no token of id 77',
      'root ::= !<think>': 'repeated by * or +',
      'root ::= (!<think>){3}': 'repeated by * or +',
      'root ::= (!<[3]>)*': 'cannot be excluded',
      'root ::= <[x]>': 'neither <[id]> nor <text>',
    }
    for (const [grammar, message] of Object.entries(refused))
      expect(() => gbnfAutomaton(grammar, { vocabulary }), grammar).toThrow(message)
    expect(() => gbnfAutomaton('root ::= <think>')).toThrow("needs a model's vocabulary")
    expect(() => gbnfAutomaton('root ::= (!<[1]>)*')).toThrow("need a model's vocabulary")
  })

  it('says what is wrong and where', () => {
    const refused: Record<string, string> = {
      '': 'There is no rule "root", which every grammar starts from, at line 1, column 1 of the GBNF grammar.',
      'rot ::= "a"': 'no rule "root"',
      'root ::= "a"\nroot ::= "b"': 'The rule "root" is defined twice, at line 2, column 1',
      'root ::= "é" (numero\n | b)\nb ::= "c"': 'The rule "numero" is not defined, at line 1, column 15',
      'root "a"': 'There is "\\"" instead of "::=", at line 1, column 6',
      'root ::= "a" )': 'instead of the end of the rule',
      'root ::= ("a"': 'There is the end instead of ")"',
      'root ::= "a': 'no closing quotation mark, at line 1, column 10',
      'root ::= [a': 'no closing bracket',
      'root ::= "\\q"': 'The escape "\\q" is not known',
      'root ::= "\\x4"': 'lacks some of its 2 hexadecimal digits',
      'root ::= "\\uD800"': 'is of no character',
      'root ::= [z-a]': 'ends before it begins',
      'root ::= "a" | * "b"': 'There is nothing to repeat',
      'root ::= "a"{3,2}': "The repetition's 3 is above its 2",
      'root ::= "a"{,2}': 'instead of a count',
      'root ::= "a"{99999999999}': 'above 2147483648',
      'root ::= "a" root': '"root" never ends',
      'root ::= "a" x\nx ::= []':
        'The class holds no character, so that no text matches it, at line 2, column 7',
      'root ::= %x': 'There is "%"',
    }
    for (const [grammar, message] of Object.entries(refused)) {
      expect(() => gbnfAutomaton(grammar), grammar).toThrow(message)
      expect(() => gbnfAutomaton(grammar)).toThrow(expect.objectContaining({ exitCode: 2 }))
    }
    expect(() => gbnfAutomaton('root ::= [z-a]')).toThrow(GrammarError)
  })

  it('holds hostile grammars to limits', () => {
    const nested = (depth: number, inside: string) =>
      `root ::= ${'('.repeat(depth)}${inside}${')???'.repeat(depth)}`
    expect(isAlive(gbnfAutomaton(nested(500, '"a" root? "b"')), 'aab')).toBe(true)
    expect(() => gbnfAutomaton(nested(60_000, '"a"'))).toThrow(GrammarLimitError)
    expect(() => gbnfAutomaton(`root ::= "a"${'?'.repeat(10_000)}`)).toThrow('Too many repetitions')
    expect(() => gbnfAutomaton(`root ::= ${'"a" root '.repeat(260_000)}`)).toThrow(GrammarLimitError)
    const doubling = Array.from({ length: 60 }, (_, i) => `r${i} ::= r${i + 1} r${i + 1}`).join('\n')
    const long = gbnfAutomaton(`root ::= r0\n${doubling}\nr60 ::= "a"`)
    expect(isAlive(long, 'a'.repeat(1_000))).toBe(true)
    expect(() => long.completion(long.start)).toThrow(GrammarLimitError)
  })
})
