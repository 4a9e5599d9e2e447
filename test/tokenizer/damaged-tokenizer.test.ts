import { describe, expect, it } from 'vitest'
import { UserError } from '../../src/errors.js'
import { withinTime } from '../../src/tokenizer/time-limit.js'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import type { TokenizerFiles } from '../../src/tokenizer/tokenizer-files.js'
import { trained } from './tokenizer-golden.js'

type Json = Record<string, unknown>

/** The files of a small tokenizer, changed. */
function changed(change: (json: Json, model: Json, vocab: Record<string, unknown>) => void): TokenizerFiles {
  const json = structuredClone(trained('llama2')) as unknown as Json
  const model = json.model as Json
  change(json, model, model.vocab as Json)
  return { tokenizerJson: json as unknown as TokenizerFiles['tokenizerJson'] }
}

const nested = (depth: number): unknown =>
  depth === 0 ? { type: 'NFC' } : { type: 'Sequence', normalizers: [nested(depth - 1)] }
const split = (regex: string) => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Isolated',
  invert: false,
})

describe('a damaged tokenizer.json is refused by the name of its field', () => {
  it.each<[string, Parameters<typeof changed>[0], RegExp]>([
    [
      'a huge id',
      (_, __, vocab) => Object.assign(vocab, { zz: 4294967290 }),
      /model\.vocab gives "zz" the id 4294967290/,
    ],
    [
      'a negative id',
      (_, __, vocab) => Object.assign(vocab, { zz: -1 }),
      /model\.vocab gives "zz" the id -1/,
    ],
    [
      'a broken id',
      (_, __, vocab) => Object.assign(vocab, { zz: 5.5 }),
      /model\.vocab gives "zz" the id 5\.5/,
    ],
    ['an id that is a text', (_, __, vocab) => Object.assign(vocab, { zz: '5' }), /the id a string/],
    ['an id of two tokens', (_, __, vocab) => Object.assign(vocab, { zz: 5 }), /"zz" and "<0x02>" one id, 5/],
    ['no vocabulary', (_, model) => delete model.vocab, /model\.vocab is undefined/],
    ['a vocabulary of texts', (_, model) => Object.assign(model, { vocab: 'abc' }), /model\.vocab is "abc"/],
    ['no merges', (_, model) => delete model.merges, /model\.merges is undefined/],
    [
      'merges that are no list',
      (_, model) => Object.assign(model, { merges: {} }),
      /model\.merges is an object/,
    ],
    ['a merge of three', (_, model) => Object.assign(model, { merges: ['a b c'] }), /model\.merges\[0\]/],
    ['a merge of numbers', (_, model) => Object.assign(model, { merges: [[1, 2]] }), /model\.merges\[0\]/],
    [
      'merges of two spellings',
      (_, model) => Object.assign(model, { merges: [['t', 'h'], 't h'] }),
      /model\.merges\[/,
    ],
    [
      'a merge of tokens that are not there',
      (_, model) => Object.assign(model, { merges: [['t', 'ÿ']] }),
      /"ÿ", which model\.vocab lacks/,
    ],
    [
      'a merge whose result is not there',
      (_, model) => Object.assign(model, { merges: [['<s>', '<s>']] }),
      /"<s><s>", which model\.vocab lacks/,
    ],
    ['dropout', (_, model) => Object.assign(model, { dropout: 0.1 }), /random dropout/],
    ['a model that is a list', (json) => Object.assign(json, { model: [] }), /its model is a list/],
    [
      'no decoders',
      (json) => Object.assign(json, { decoder: { type: 'Sequence' } }),
      /decoder\.decoders is undefined/,
    ],
    [
      'no template',
      (json) => Object.assign(json, { post_processor: { type: 'TemplateProcessing' } }),
      /post_processor\.single/,
    ],
    [
      'a template of nothing',
      (json) => Object.assign(json, { post_processor: { type: 'TemplateProcessing', single: [{}] } }),
      /single\[0\]/,
    ],
    [
      'an added token that is null',
      (json) => Object.assign(json, { added_tokens: [null] }),
      /added_tokens\[0\] is null/,
    ],
    [
      'an added token without text',
      (json) => Object.assign(json, { added_tokens: [{ id: 1 }] }),
      /added_tokens\[0\]\.content/,
    ],
    [
      'an added token with a negative id',
      (json) => Object.assign(json, { added_tokens: [{ id: -1, content: 'a' }] }),
      /added_tokens\[0\]\.id/,
    ],
    [
      'a flag that is a text',
      (json) => Object.assign(json, { added_tokens: [{ id: 1, content: 'a', lstrip: 'yes' }] }),
      /lstrip is "yes"/,
    ],
    ['parts without end', (json) => Object.assign(json, { normalizer: nested(100) }), /nested too deep/],
    [
      'a part without type',
      (json) => Object.assign(json, { pre_tokenizer: {} }),
      /pre_tokenizer\.type is undefined/,
    ],
    [
      'an empty pattern',
      (json) => Object.assign(json, { pre_tokenizer: split('') }),
      /pre_tokenizer\.pattern/,
    ],
    [
      'a regex that is none',
      (json) => Object.assign(json, { pre_tokenizer: split('(a') }),
      /regex of its pre_tokenizer\.pattern/,
    ],
    [
      'an unknown behaviour',
      (json) => Object.assign(json, { pre_tokenizer: { ...split('a'), behavior: 'x' } }),
      /behaviour "x"/,
    ],
  ])('%s', async (_, change, message) => {
    const loading = loadTokenizer(changed(change))
    await expect(loading).rejects.toThrow(message)
    await expect(loading).rejects.toThrow(UserError)
  })

  it('control characters and long texts of files do not reach the message', async () => {
    const files = changed((json) =>
      Object.assign(json, { normalizer: { type: `\u001b[31m\u009b${'x'.repeat(999)}` } }),
    )
    const error = await loadTokenizer(files).catch((refusal: Error) => refusal)
    expect((error as Error).message).toMatch(/"\\u001b\[31m\\u009bx+…"/)
    expect((error as Error).message.length).toBeLessThan(250)
  })
})

describe('a damaged configuration is refused by the name of its field', () => {
  it.each([
    [{ eos_token: 5 }, /tokenizer_config\.json cannot be used: its eos_token is a number/],
    [{ eos_token: {} }, /eos_token\.content is undefined/],
    [{ added_tokens_decoder: [] }, /added_tokens_decoder is a list/],
    [{ added_tokens_decoder: { x: { content: 'a' } } }, /added_tokens_decoder\.x is a number/],
    [{ added_tokens_decoder: { 5: null } }, /added_tokens_decoder\.5 is null/],
    [{ extra_special_tokens: [5] }, /extra_special_tokens\[0\] is a number/],
  ])('%j', async (tokenizerConfig, message) => {
    await expect(loadTokenizer({ ...changed(() => undefined), tokenizerConfig })).rejects.toThrow(message)
  })
})

describe('code in files that does not end', () => {
  it('is ended after a while', () => {
    const work = () => /(a+)+$/.test(`${'a'.repeat(50)}!`)
    expect(() => withinTime(work, 'The regex', 100)).toThrow(/The regex takes more than/)
    expect(withinTime(() => 5, 'The regex', 100)).toBe(5)
  })

  it('lets errors of the work through', () => {
    const fault = new UserError('no')
    expect(() =>
      withinTime(
        () => {
          throw fault
        },
        'It',
        100,
      ),
    ).toThrow(fault)
  })

  it('hears Ctrl-C, and so do the listeners of the process', async () => {
    const heard = new Promise((resolve) => process.once('SIGINT', resolve))
    const { spawn } = await import('node:child_process')
    const kill = spawn('sh', ['-c', `sleep 0.2; kill -INT ${process.pid}`])
    await new Promise((resolve) => kill.once('spawn', resolve))
    const forever = () => {
      for (;;);
    }
    expect(() => withinTime(forever, 'It', 60_000)).toThrow('Interrupted.')
    await heard
  })

  it.each([
    ['a split', { pre_tokenizer: split('(a+)+$') }],
    ['a normalizer', { normalizer: { type: 'Replace', pattern: { Regex: '(a+)+$' }, content: '' } }],
  ])(
    'is ended in %s',
    async (_, stages) => {
      const tokenizer = await loadTokenizer(changed((json) => Object.assign(json, stages)))
      expect(tokenizer.encode('aab')).not.toEqual([])
      expect(() => tokenizer.encode(`${'a'.repeat(60)}!`)).toThrow(/regex .* takes more than 1\.5 seconds/)
    },
    30_000,
  )

  it('has its growth bounded', async () => {
    const doubled = Array(60).fill({ type: 'Replace', pattern: { String: 'a' }, content: 'aa' })
    const files = changed((json) =>
      Object.assign(json, { normalizer: { type: 'Sequence', normalizers: doubled } }),
    )
    const tokenizer = await loadTokenizer(files)
    expect(() => tokenizer.encode('aaaa')).toThrow(/makes a text too long/)
  })
})
