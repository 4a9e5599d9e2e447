import { describe, expect, test } from 'vitest'
import { extend, prefixOf, tokensOf } from '../../src/model/prefix.js'
import { chain } from '../../src/model/token-tree.js'
import { createRandom } from '../../src/random.js'
import { draftModel } from '../../src/strategies/drafters/draft-model.js'
import { type Codec, reencoded } from '../../src/strategies/drafters/reencoded.js'
import type { CreateDrafter, Request } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { styles, texts, trained } from '../tokenizer/tokenizer-golden.js'
import { argmax, decode, describeDrafter, PROMPT } from './conformance.js'
import { ToyModel } from './toy-model.js'

const request = { processors: [], draftRandom: createRandom(5) } as unknown as Request
const last = { hidden: new Float32Array(4) }

/** Thirteen tokens, of which the longest that fits is taken. */
function toyCodec(tokens: string): Codec {
  const vocabulary = tokens.split(' ')
  const longest = vocabulary
    .map((token, id) => ({ token, id }))
    .sort((a, b) => b.token.length - a.token.length)
  return {
    eosTokenIds: [],
    encode(text) {
      const ids: number[] = []
      for (let at = 0; at < text.length; at += vocabulary[ids.at(-1)!].length) {
        ids.push(longest.find(({ token }) => text.startsWith(token, at))!.id)
      }
      return ids
    },
    decode: (ids) => ids.map((id) => vocabulary[id]).join(''),
  }
}

const TARGET = toyCodec('a b c d e ab ba ac ce eb ada cde bb')
const DRAFT = toyCodec('e d c b a da bc ad ebb aa ec dd cab')

/** Knows the text, and drafts its own tokens of the next part of it. */
function oracle(codec: Codec, text: string, count = 4): CreateDrafter {
  return () => ({
    draft(prefix) {
      const said = codec.decode(tokensOf(prefix))
      return chain(text.startsWith(said) ? codec.encode(text.slice(said.length)).slice(0, count) : [])
    },
  })
}

function toyReencoded(createDrafter: CreateDrafter, lookbehind = 10) {
  const [draft, target] = [DRAFT, TARGET].map((codec) => ({ codec, lookbehind }))
  return reencoded({ createDrafter, draft, target })(request)
}

describeDrafter('reencoded, an oracle of other tokens', (text) =>
  toyReencoded(oracle(DRAFT, TARGET.decode(text))),
)
describeDrafter('reencoded, a model of other tokens', () =>
  toyReencoded(draftModel({ model: new ToyModel({ maxPositions: 60 }), numTokens: 5, adaptive: true })),
)
describeDrafter('reencoded, with one token to look back at', (text) =>
  toyReencoded(oracle(DRAFT, TARGET.decode(text)), 1),
)

describe('reencoded', () => {
  test('has its drafts accepted where the text is cut as the tokenizer cuts it', async () => {
    const limit = PROMPT.length + 60
    const { text } = await decode(follow(argmax), undefined, { limit })
    const run = await decode(follow(argmax), toyReencoded(oracle(DRAFT, TARGET.decode(text))), { limit })
    expect(run.text).toEqual(text)
    expect(run.accepted).toBeGreaterThan(10)
  })

  test('proposes the tokens of the text, as far as the limit goes', async () => {
    const draft = (ids: number[], limit = 100) =>
      toyReencoded(oracle(DRAFT, 'abcdeadabb')).draft(prefixOf(ids), last, limit)
    // After ab the draft model spells c|d|e|ad, and the target cde|a|d.
    expect(await draft([5])).toEqual(chain([11, 0, 3]))
    expect(await draft([5], 2)).toEqual(chain([11, 0]))
  })

  test('proposes nothing where the draft changes how the text before it is cut', async () => {
    // After a, the target would spell "ab" as one token.
    const drafter = toyReencoded(oracle(DRAFT, 'cab'))
    expect(await drafter.draft(prefixOf(TARGET.encode('ca')), last, 100)).toEqual(chain([]))
    // Cut otherwise farther back, it goes on all the same.
    const odd = [0, 1, 2]
    expect(TARGET.encode('abc')).not.toEqual(odd)
    const goesOn = toyReencoded(oracle(DRAFT, 'abccc'))
    expect(await goesOn.draft(prefixOf(odd), last, 100)).toEqual(chain(TARGET.encode('cc')))
  })

  test('runs the draft model only on what is new', async () => {
    const model = new ToyModel()
    const drafter = toyReencoded(draftModel({ model, numTokens: 2 }))
    const prefix = prefixOf(TARGET.encode('dddddddd'))
    await drafter.draft(prefix, last, 100)
    const before = model.tokensRun
    expect(before).toBe(DRAFT.encode('dddddddd').length + 1)
    await drafter.draft(extend(prefix, 2), last, 100)
    expect(model.tokensRun - before).toBe(2)
    drafter.dispose!()
    expect(model.caches.size).toBe(0)
  })
})

/** Without the one whose decoder does not know its own byte tokens. */
const tokenizers = await Promise.all(
  styles
    .filter((style) => style !== 'metaspace')
    .map(async (style) => ({ style, codec: await loadTokenizer({ tokenizerJson: trained(style) }) })),
)
const withoutSpecials = { skipSpecialTokens: true }

/** Knows the tokens of a text, and drafts the next ones where it is given those before. */
function tokenOracle(codec: Codec, text: string): CreateDrafter {
  const ids = codec.encode(text)
  return () => ({
    draft(prefix) {
      const known = tokensOf(prefix)
      return chain(known.every((id, i) => ids[i] === id) ? ids.slice(known.length, known.length + 6) : [])
    },
  })
}

/** Whether a tokenizer gives a text back, but for a space before it. */
function reproduces(codec: Codec, text: string): boolean {
  return codec.decode(codec.encode(text), withoutSpecials).replace(/^ /, '') === text.replace(/^ /, '')
}

describe.each(tokenizers)('reencoded for tokens of $style', ({ codec: target, style }) => {
  const others = tokenizers.filter((draft) => draft.style !== style)

  test.each(others)('goes on with the text that tokens of $style draft', async ({ codec: draft }) => {
    let tried = 0
    let drafted = 0
    for (const text of texts.filter((each) => reproduces(target, each) && reproduces(draft, each))) {
      const ids = target.encode(text)
      const whole = target.decode(ids, withoutSpecials)
      const drafter = reencoded({
        createDrafter: tokenOracle(draft, whole),
        draft: { codec: draft, lookbehind: 10 },
        target: { codec: target, lookbehind: 10 },
      })(request)
      for (let length = 1; length < ids.length; length++) {
        const { tokens } = await drafter.draft(prefixOf(ids.slice(0, length)), last, 100)
        tried++
        if (tokens.length === 0) continue
        drafted++
        const said = target.decode([...ids.slice(0, length), ...tokens], withoutSpecials)
        expect(whole.startsWith(said), JSON.stringify([text, length, said])).toBe(true)
      }
    }
    expect(drafted / tried).toBeGreaterThan(0.4)
  })
})

describe('reencoded with tokenizers of files', () => {
  const [gpt2, llama2] = ['gpt2', 'llama2'].map(
    (wanted) => tokenizers.find(({ style }) => style === wanted)!.codec,
  )

  test('waits for the end of a character', async () => {
    const text = '日本語'
    const ids = gpt2.encode(text)
    const drafter = reencoded({
      createDrafter: () => ({ draft: () => chain(llama2.encode('x', { addSpecialTokens: false })) }),
      draft: { codec: llama2, lookbehind: 10 },
      target: { codec: gpt2, lookbehind: 10 },
    })(request)
    const whole = ids.map((_, i) => gpt2.decode(ids.slice(0, i + 1)).endsWith('\uFFFD'))
    // Some of the characters are cut.
    expect(new Set(whole).size).toBe(2)
    for (const [i, isCut] of whole.entries()) {
      const { tokens } = await drafter.draft(prefixOf(ids.slice(0, i + 1)), last, 100)
      expect(tokens.length > 0).toBe(!isCut)
    }
  })

  test('leaves out half a character at the end of a draft, and what ends the text', async () => {
    const drafts = (tokens: readonly number[]) =>
      reencoded({
        createDrafter: () => ({ draft: () => chain([...tokens]) }),
        draft: { codec: { ...gpt2, eosTokenIds: [gpt2.tokenToId('<|end|>')!] }, lookbehind: 10 },
        target: { codec: llama2, lookbehind: 10 },
      })(request).draft(prefixOf(llama2.encode('Hello')), last, 100)
    const emoji = gpt2.encode(' a😀')
    expect((await drafts(emoji)).tokens).toEqual(
      llama2.encode('Hello a😀').slice(llama2.encode('Hello').length),
    )
    const said = async (tokens: readonly number[]) => llama2.decode((await drafts(tokens)).tokens)
    expect(await said(emoji.slice(0, -1))).toBe('a')
    expect(await said([...gpt2.encode(' a'), gpt2.tokenToId('<|end|>')!])).toBe('a')
    expect(await said([gpt2.tokenToId('<|end|>')!])).toBe('')
  })

  test('gives the draft model the beginning of a text, and not the end that its tokenizer puts there', async () => {
    const seen: number[][] = []
    const withEnd: Codec = {
      eosTokenIds: [2],
      encode: (text) => [...llama2.encode(text), 2],
      decode: (ids, options) => llama2.decode(ids, options),
    }
    const drafter = reencoded({
      createDrafter: () => ({
        draft(prefix) {
          seen.push(tokensOf(prefix))
          return chain([])
        },
      }),
      draft: { codec: withEnd, lookbehind: 10 },
      target: { codec: gpt2, lookbehind: 10 },
    })(request)
    // The special tokens of the target are not the draft model's.
    await drafter.draft(prefixOf([gpt2.tokenToId('<|bos|>')!, ...gpt2.encode('Hello')]), last, 100)
    expect(seen).toEqual([llama2.encode('Hello')])
    expect(seen[0][0]).toBe(llama2.tokenToId('<s>'))
  })
})
