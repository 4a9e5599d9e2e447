import { describe, expect, it } from 'vitest'
import { CONTROL } from '../../../src/grammar/automaton.js'
import { CfgAutomaton } from '../../../src/grammar/cfg/cfg-automaton.js'
import { ControlTokens } from '../../../src/grammar/cfg/control-tokens.js'
import { GrammarLimitError } from '../../../src/grammar/limits.js'
import { FREE_CHARACTERS } from '../../../src/grammar/regex/free-text.js'
import { Regexes } from '../../../src/grammar/regex/nodes.js'
import { createRandom } from '../../../src/random.js'
import { at, BruteForce, grammarOf, isAlive, matches, type Plain, texts } from './brute-force.js'

const rule = (i: number): Plain => ({ rule: i })
const all = (...parts: Plain[]): Plain => ({ all: parts })
const any = (...parts: Plain[]): Plain => ({ any: parts })

/** An automaton whose terminals are not joined into regular expressions, so that its rules do the work. */
function compile(...rules: readonly Plain[]): CfgAutomaton {
  const regexes = new Regexes()
  return new CfgAutomaton(regexes, grammarOf(regexes, rules, true))
}

function randomGrammar(seed: number): Plain[] {
  const random = createRandom(seed)
  const below = (count: number) => Math.floor(random() * count)
  const count = 1 + below(4)
  const leaf = (): Plain => (below(2) ? rule(below(count)) : ['', 'a', 'b', 'ab', 'ba'][below(5)])
  const body = (depth: number): Plain => {
    const kind = depth === 0 ? 0 : below(8)
    if (kind < 2) return leaf()
    if (kind < 5) return all(...Array.from({ length: 2 + below(2) }, () => body(depth - 1)))
    if (kind < 7) return any(...Array.from({ length: 2 + below(2) }, () => body(depth - 1)))
    const min = below(3)
    return { body: body(depth - 1), min, max: below(2) ? Infinity : min + below(3) }
  }
  return Array.from({ length: count }, () => any(body(2), body(2), ...(below(2) ? [leaf()] : [])))
}

describe('a context-free grammar', () => {
  it('has the texts, beginnings and shortest ends of random grammars that enumeration finds', () => {
    const longest = 5
    const candidates = texts('ab', longest)
    let tried = 0
    for (let seed = 1; seed <= 150; seed++) {
      const rules = randomGrammar(seed)
      const known = new BruteForce(rules, longest)
      const regexes = new Regexes()
      const grammar = grammarOf(regexes, rules, seed % 3 > 0)
      if (known.prefixes.size === 0) {
        expect(() => new CfgAutomaton(regexes, grammar)).toThrow('never ends')
        continue
      }
      tried++
      const automaton = new CfgAutomaton(regexes, grammar)
      const message = `seed ${seed}: ${JSON.stringify(rules)}`
      expect(
        candidates.filter((text) => matches(automaton, text)),
        message,
      ).toEqual(candidates.filter((text) => known.texts.has(text)))
      expect(
        candidates.filter((text) => isAlive(automaton, text)),
        message,
      ).toEqual(candidates.filter((text) => known.prefixes.has(text)))
      for (const text of known.prefixes) {
        const end = Buffer.from(automaton.completion(at(automaton, text))).toString()
        expect(matches(automaton, text + end), `${message} ${text}`).toBe(true)
        const lengths = [...known.texts].filter((each) => each.startsWith(text)).map((each) => each.length)
        expect(end.length, `${message} ${text}`).toBeLessThanOrEqual(Math.min(...lengths) - text.length)
      }
    }
    expect(tried).toBeGreaterThan(100)
  })

  it('returns to the same state in lists, right or left recursive, hidden or over several rules', () => {
    const recursions: Record<string, Plain[]> = {
      right: [any('a', all('a', rule(0)))],
      left: [any('a', all(rule(0), 'a'))],
      'right over two': [any('b', all('a', rule(1))), any('a', all('a', rule(0)))],
      'left over two': [any('a', all(rule(1), 'a')), any('a', all(rule(0), 'a'))],
      'hidden left': [any('a', all(rule(1), rule(0), 'a')), any('', 'b')],
      star: [{ body: any('a', all('b', rule(0), 'c')), min: 0, max: Infinity }],
    }
    for (const [name, rules] of Object.entries(recursions)) {
      const automaton = compile(...rules)
      const state = at(automaton, 'a'.repeat(20))
      expect(at(automaton, 'a'.repeat(26)), name).toBe(state)
      expect(automaton.states, name).toBeLessThan(20)
    }
  })

  it('keeps few states where texts have many derivations', () => {
    const ambiguous = compile(any(all(rule(0), rule(0)), 'a'))
    expect(matches(ambiguous, 'a'.repeat(2_000))).toBe(true)
    expect(ambiguous.states).toBeLessThan(6)
    const sums = compile(
      any(all(rule(0), '+', rule(0)), all(rule(0), '*', rule(0)), all('(', rule(0), ')'), 'a'),
    )
    expect(matches(sums, `${'a+a*'.repeat(500)}a`)).toBe(true)
    expect(sums.states).toBeLessThan(10)
    const cyclic = compile(any(all(rule(0), rule(0)), rule(0), rule(1), ''), any(rule(0), 'a'))
    expect(matches(cyclic, 'a'.repeat(2_000))).toBe(true)
    expect(cyclic.states).toBeLessThan(6)
  })

  it('takes steps in proportion to the text', () => {
    const steps = (rules: Plain[], text: string) => {
      const automaton = compile(...rules)
      const before = automaton.steps
      expect(matches(automaton, text)).toBe(true)
      return automaton.steps - before
    }
    const palindromes = [any(all('a', rule(0), 'a'), all('b', rule(0), 'b'), '')]
    const brackets = [any(all('(', rule(0), ')', rule(0)), '')]
    const half = (n: number) => 'ab'.repeat(n)
    const few = steps(palindromes, half(50) + half(50).split('').reverse().join(''))
    expect(steps(palindromes, half(200) + half(200).split('').reverse().join(''))).toBeLessThan(4.5 * few)
    const shallow = steps(brackets, '('.repeat(100) + ')'.repeat(100))
    expect(steps(brackets, '('.repeat(400) + ')'.repeat(400))).toBeLessThan(4.5 * shallow)
  })

  it('reads deep texts and long rules without recursion', () => {
    const brackets = compile(any(all('[', rule(0), ']'), ''))
    const depth = 20_000
    const open = at(brackets, '['.repeat(depth))
    expect(brackets.completion(open)).toEqual(Uint8Array.from(Buffer.from(']'.repeat(depth))))
    expect(matches(brackets, '['.repeat(depth) + ']'.repeat(depth))).toBe(true)
    const chain = Array.from({ length: 5_000 }, (_, i) => all('<', rule(i + 1)))
    const deep = compile(...chain, any(all('a', rule(5_000), 'b'), ''))
    expect(matches(deep, `${'<'.repeat(5_000)}aabb`)).toBe(true)
    expect(deep.completion(deep.start).length).toBe(5_000)
  })

  it('counts repetitions of any number without copies', () => {
    const counted = compile({ body: any('a', all('(', rule(0), ')')), min: 3, max: 2 ** 31 })
    expect(matches(counted, 'aa')).toBe(false)
    expect(matches(counted, 'a'.repeat(300))).toBe(true)
    expect(matches(counted, 'a(aaa)(aaaa)')).toBe(true)
    expect(matches(counted, 'a(aa)a')).toBe(false)
    const exact = compile(
      all({ body: any('a', all('(', rule(1), ')')), min: 500, max: 500 }, 'b'),
      any('a', all('(', rule(1), ')')),
    )
    expect(Buffer.from(exact.completion(at(exact, 'aa(')))).toHaveLength(500)
    expect(matches(exact, `${'a'.repeat(500)}b`)).toBe(true)
    expect(isAlive(exact, 'a'.repeat(501))).toBe(false)
  })

  it('tells free text, control tokens and the end of a text with them', () => {
    const regexes = new Regexes()
    const free = regexes.repeat(regexes.characters(FREE_CHARACTERS), 0, Infinity)
    const [quote, tokens] = [regexes.literal('"'), new ControlTokens([7, 9])]
    const string = regexes.concat([quote, free, quote])
    // S → <7 or 9> S "x" | string
    const automaton = new CfgAutomaton(regexes, {
      rules: [
        {
          name: 'S',
          body: {
            kind: 'choice',
            parts: [
              {
                kind: 'sequence',
                parts: [
                  { kind: 'automaton', automaton: tokens },
                  { kind: 'rule', rule: 0 },
                  { kind: 'regex', regex: regexes.literal('x') },
                ],
              },
              { kind: 'regex', regex: string },
            ],
          },
        },
      ],
      start: 0,
    })
    expect(automaton.controls(automaton.start)).toEqual([7, 9])
    expect(matches(automaton, [CONTROL + 7, CONTROL + 9, ...Buffer.from('"é"xx')])).toBe(true)
    expect(matches(automaton, [CONTROL + 8, ...Buffer.from('""x')])).toBe(false)
    const inString = at(automaton, [CONTROL + 7, ...Buffer.from('"a')])
    expect(automaton.controls(inString)).toEqual([])
    expect(automaton.freeText(inString)).toBe(Infinity)
    expect(automaton.freeText(automaton.start)).toBe(0)
    expect(Buffer.from(automaton.completion(inString)).toString()).toBe('"x')
    const onlyTokens = new CfgAutomaton(regexes, {
      rules: [{ name: 'S', body: { kind: 'automaton', automaton: tokens } }],
      start: 0,
    })
    expect(onlyTokens.completionSymbols(onlyTokens.start)).toEqual([CONTROL + 7])
  })

  it('refuses what has no text and what has too many places', () => {
    expect(() => compile(any(all('a', rule(0)), all(rule(1), 'b')), all('b', rule(1)))).toThrow(
      'No text is in the grammar\'s language: "r0" never ends',
    )
    const useless = compile(any('a', all('b', rule(1))), all('c', rule(1)))
    expect(isAlive(useless, 'b')).toBe(false)
    const wild = compile({
      body: { body: { body: any('a', all('b', rule(0))), min: 0, max: 99 }, min: 0, max: 99 },
      min: 0,
      max: 99,
    })
    expect(() => at(wild, 'a'.repeat(3_000))).toThrow(GrammarLimitError)
    const doubling = compile(
      ...Array.from({ length: 60 }, (_, i) => all(rule(i + 1), rule(i + 1))),
      any('a', all('b', rule(60), 'c')),
    )
    expect(() => doubling.completion(doubling.start)).toThrow(GrammarLimitError)
  })
})
