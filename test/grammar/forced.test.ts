import { describe, expect, test } from 'vitest'
import type { Automaton } from '../../src/grammar/automaton.js'
import { ForcedText, forcedBytes } from '../../src/grammar/forced.js'
import { advance } from '../../src/grammar/masks.js'
import { Regexes } from '../../src/grammar/regex/nodes.js'
import { RegexAutomaton } from '../../src/grammar/regex/regex-automaton.js'
import { completionTokens, fewestTokens } from '../../src/grammar/shortest-tokens.js'
import { type GrammarTokens, grammarTokens } from '../../src/grammar/tokens.js'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.js'
import { Brackets, OneText, stateAfter } from './languages.js'
import { kinds, tokenizerOf } from './tokenizers.js'

const bare = { addSpecialTokens: false }

/** One of some texts. */
function oneOf(...texts: string[]): Automaton {
  const regexes = new Regexes()
  return new RegexAutomaton(regexes, regexes.or(texts.map((text) => regexes.literal(text))))
}

function forcedIn(automaton: Automaton, tokens: GrammarTokens, tokenizer: Tokenizer): ForcedText {
  return new ForcedText(automaton, tokens, (text) => tokenizer.encode(text, bare))
}

describe('forced bytes', () => {
  const forced = (automaton: Automaton, state: number, most = 100) => {
    const { bytes, state: end } = forcedBytes(automaton, state, most)
    expect(end).toBe(stateAfter(automaton, state, bytes))
    return Buffer.from(bytes).toString()
  }

  test('end where there is a choice, where the text may end, and after the most that is asked for', () => {
    const automaton = oneOf('{"name": "Anna"}', '{"name": "Anne"}', '{"nature": 1}')
    expect(forced(automaton, automaton.start)).toBe('{"na')
    const inside = stateAfter(automaton, automaton.start, '{"nam')
    expect(forced(automaton, inside)).toBe('e": "Ann')
    expect(forced(automaton, inside, 3)).toBe('e":')
    const endings = oneOf('yes', 'yes, sir')
    expect(forced(endings, endings.start)).toBe('yes')
  })

  test('end at a control token', () => {
    expect(forced(new OneText(['ab', 7, 'c']), 1)).toBe('ab')
  })
})

describe.each(kinds)('forced text with a %s tokenizer', (kind) => {
  const written = '{"first name": "日本 größer"} [[12 345]]'

  test('is what the tokenizer makes of the whole text, from wherever it goes on', async () => {
    const tokenizer = await tokenizerOf(kind)
    const tokens = grammarTokens(tokenizer)
    const automaton = oneOf(written)
    const forcedText = forcedIn(automaton, tokens, tokenizer)
    const prompt = tokenizer.encode('Answer: a', bare)
    const whole = tokenizer.encode(`Answer: a${written}`, bare)
    expect(whole.slice(0, prompt.length)).toEqual(prompt)
    let state = automaton.start
    for (let at = prompt.length; at < whole.length; at++) {
      const drafted = forcedText.after(whole.slice(0, at), state, 1_000)
      // HF's decoder of this one does not know the bytes that its model falls back to.
      if (kind === 'metaspace') expect(drafted).toEqual([])
      else expect(drafted).toEqual(whole.slice(at))
      state = advance(automaton, tokens.vocabulary, state, whole[at])
    }
  })

  test('has no dummy prefix where nothing is known of what comes before', async () => {
    const tokenizer = await tokenizerOf(kind)
    const tokens = grammarTokens(tokenizer)
    const automaton = oneOf(' the dog')
    const drafted = forcedIn(automaton, tokens, tokenizer).after([], automaton.start, 99)
    const spelled = Buffer.concat(drafted.map((id) => tokens.vocabulary.bytesOf(id)))
    expect(spelled.toString()).toBe(' the dog')
    const without = oneOf('the dog')
    expect(forcedIn(without, tokens, tokenizer).after([], without.start, 99)).not.toEqual([])
  })
})

describe('forced text', () => {
  test('stops before half a character, and is none where nothing is forced', async () => {
    const tokenizer = await tokenizerOf('built-in')
    const tokens = grammarTokens(tokenizer)
    const half = oneOf('aé', 'aè')
    expect(tokenizer.decode(forcedIn(half, tokens, tokenizer).after([], half.start, 9))).toBe('a')
    const choice = oneOf('a', 'b')
    expect(forcedIn(choice, tokens, tokenizer).after([], choice.start, 9)).toEqual([])
  })

  test('that spells a control token is no draft of that token', async () => {
    const tokenizer = await tokenizerOf('gpt2')
    const tokens = grammarTokens(tokenizer)
    const automaton = oneOf('a<|end|>b')
    expect(forcedIn(automaton, tokens, tokenizer).after([], automaton.start, 99)).toEqual([])
  })
})

describe('the fewest tokens', () => {
  test('are as few as any way of spelling the bytes has', async () => {
    const { trie, vocabulary } = grammarTokens(await tokenizerOf('gpt2'))
    for (const text of ['the dog', '{"name": "größer"}', 'aaaaaaaaaa', ' \n\n日本', '']) {
      const bytes = Buffer.from(text)
      const found = fewestTokens(trie, bytes)!
      expect(Buffer.concat(found.map((id) => vocabulary.bytesOf(id)))).toEqual(bytes)
      // Places that can be reached with one token more, until the end is one of them.
      let places = new Set([0])
      let count = 0
      for (; !places.has(bytes.length); count++) {
        const further = new Set<number>()
        for (const at of places) {
          for (let id = 0; id < vocabulary.size; id++) {
            const token = vocabulary.bytesOf(id)
            if (token.length > 0 && bytes.subarray(at, at + token.length).equals(token)) {
              further.add(at + token.length)
            }
          }
        }
        places = further
      }
      expect(found).toHaveLength(count)
    }
  })

  test('bring a text to its end', async () => {
    const tokens = grammarTokens(await tokenizerOf('built-in'))
    const brackets = new Brackets()
    for (const text of ['', '((((((', '()']) {
      let state = stateAfter(brackets, brackets.start, text)
      for (const id of completionTokens(brackets, tokens, state)!) {
        state = advance(brackets, tokens.vocabulary, state, id)
      }
      expect(brackets.accepts(state)).toBe(true)
    }
  })

  test('are none where the vocabulary lacks a byte', () => {
    const tokens = grammarTokens({
      vocabSize: 2,
      specialIds: new Set(),
      eosTokenIds: [],
      tokenBytes: (id) => Buffer.from(['a', 'bc'][id]),
    })
    expect(completionTokens(new OneText(['abca']), tokens, 1)).toEqual([0, 1, 0])
    expect(completionTokens(new OneText(['abd']), tokens, 1)).toBeUndefined()
  })
})
