import { expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import { Grammar } from '../../src/grammar/grammar.js'
import { GrammarLimitError } from '../../src/grammar/limits.js'
import { toUtf8 } from '../../src/grammar/regex/language.js'
import { Regexes } from '../../src/grammar/regex/nodes.js'
import { parseRegex } from '../../src/grammar/regex/parse.js'
import { RegexAutomaton } from '../../src/grammar/regex/regex-automaton.js'
import { grammarTokens } from '../../src/grammar/tokens.js'
import { extend, type Prefix, prefixOf } from '../../src/model/prefix.js'
import { GrammarState } from '../../src/scores/grammar-state.js'
import { tokenizerOf } from '../grammar/tokenizers.js'

test('a limit that is met while text is held names the text so far', async () => {
  const tokenizer = await tokenizerOf('built-in')
  const regexes = new Regexes()
  const automaton = new RegexAutomaton(regexes, toUtf8(regexes, parseRegex('a[a-z]*')))
  const grammar = new Grammar(automaton, grammarTokens(tokenizer))
  const prompt = prefixOf([1])
  const state = new GrammarState({ grammar, promptLength: 1, limit: 1000 })
  const after = (text: string) =>
    tokenizer.encode(text, { addSpecialTokens: false }).reduce<Prefix>(extend, prompt)
  expect(state.allowed(after('abc')).count).toBeGreaterThan(1)

  automaton.next = () => {
    throw new GrammarLimitError('It is too large.')
  }
  expect(() => state.allowed(after(`a${'xy'.repeat(30)}`))).toThrow(UserError)
  for (const held of [() => state.after(after('ab')), () => state.allowed(after('ab'))])
    expect(held).toThrow('It is too large. The text so far ends in "ab".')
  expect(() => state.after(after(`a${'xy'.repeat(30)}`))).toThrow(`ends in "${'xy'.repeat(20)}".`)
})
