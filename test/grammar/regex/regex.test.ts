import { describe, expect, it } from 'vitest'
import { DEAD } from '../../../src/grammar/automaton.js'
import { toJsonString, toUtf8 } from '../../../src/grammar/regex/language.js'
import { Regexes } from '../../../src/grammar/regex/nodes.js'
import { parseRegex } from '../../../src/grammar/regex/parse.js'
import { RegexAutomaton } from '../../../src/grammar/regex/regex-automaton.js'
import { RegexError } from '../../../src/grammar/regex/syntax.js'
import { createRandom } from '../../../src/random.js'
import { mutated, pick, type Random, randomText, regexSources } from './random-regex.js'
import { accepts, walk } from './walk.js'

/** JavaScript's own verdict. A search tries each character's begin, not the middle of a surrogate pair, where V8 begins as well. */
function oracle(source: string, flags: string, unanchored: boolean): (text: string) => boolean {
  if (!unanchored) {
    const whole = new RegExp(`^(?:${source})$`, `u${flags}`)
    return (text) => whole.test(text)
  }
  const sticky = new RegExp(source, `uy${flags}`)
  return (text) => {
    let at = 0
    for (const character of [...text, '']) {
      sticky.lastIndex = at
      if (sticky.test(text)) return true
      at += character.length
    }
    return false
  }
}

/** Texts near a language: random ones, a completion, and mutations of them. */
function textsNear(random: Random, automaton: RegexAutomaton): string[] {
  const texts = ['', ...Array.from({ length: 6 }, () => randomText(random, 6))]
  if (automaton.start === DEAD) return texts
  const member = Buffer.from(automaton.completion(automaton.start)).toString()
  texts.push(member, member + randomText(random, 3), randomText(random, 2) + member)
  for (let i = 0; i < 4; i++) texts.push(mutated(random, pick(random, texts)))
  return texts
}

/** Everything that an automaton says along a text must be true by the oracle. */
function checkPrefixes(
  random: Random,
  automaton: RegexAutomaton,
  text: string,
  matches: (text: string) => boolean,
): void {
  const bytes = Buffer.from(text)
  let state = automaton.start
  for (let i = 0; i < bytes.length && state !== DEAD; i++) {
    state = automaton.next(state, bytes[i])
    if (state === DEAD) return
    const whole = Buffer.concat([bytes.subarray(0, i + 1), automaton.completion(state)])
    expect(matches(whole.toString()), `completion ${JSON.stringify(whole.toString())}`).toBe(true)
    const free = Math.min(automaton.freeText(state), 40)
    if (free === 0 || random() < 0.8) continue
    const rest = Array.from({ length: free }, () =>
      pick(random, ['a', 'b', '0', ' ', 'f', 'é', '€', '😀', '\x7f', '𐐀']),
    ).join('')
    expect(walk(automaton, rest, state), `free text ${JSON.stringify(rest)} after ${i + 1} bytes`).not.toBe(
      DEAD,
    )
  }
}

describe('random regular expressions', () => {
  for (const [name, assertions, seed, count] of [
    ['without assertions', false, 11, 80],
    ['with assertions', true, 12, 80],
  ] as const) {
    it(`agree with RegExp, ${name}`, () => {
      const random = createRandom(seed)
      const next = regexSources(seed, assertions)
      let [built, members] = [0, 0]
      let regexes = new Regexes()
      for (let i = 0; i < count; i++) {
        if (i % 50 === 49) regexes = new Regexes()
        const source = next()
        const unanchored = random() < 0.3
        const flags = pick(random, ['', '', 'i', 's', unanchored ? 'm' : 'is'])
        const matches = oracle(source, flags, unanchored)
        const anySpelling = random() < 0.2
        let plain: RegexAutomaton
        let json: RegexAutomaton
        try {
          const regex = parseRegex(source, flags)
          plain = new RegexAutomaton(regexes, toUtf8(regexes, regex, { unanchored }))
          json = new RegexAutomaton(regexes, toJsonString(regexes, regex, { unanchored, anySpelling }))
        } catch (error) {
          if (error instanceof RegexError && assertions) continue
          throw error
        }
        built++
        for (const text of textsNear(random, plain)) {
          const context = `/${source}/${flags} ${unanchored ? 'in' : 'is'} ${JSON.stringify(text)}`
          const expected = matches(text)
          if (expected) members++
          expect(accepts(plain, text), context).toBe(expected)
          expect(accepts(json, JSON.stringify(text).slice(1, -1)), `${context} as JSON`).toBe(expected)
          if (anySpelling) {
            const escaped = text.replace(
              /[\s\S]/g,
              (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
            )
            expect(accepts(json, escaped), `${context} escaped`).toBe(expected)
          }
          checkPrefixes(random, plain, text, matches)
        }
      }
      expect(built).toBeGreaterThan(count * 0.8)
      expect(members).toBeGreaterThan(count)
    })
  }
})
