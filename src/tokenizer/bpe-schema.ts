import { isJsonObject } from '../json.js'
import { type BpeJson, quoted, tokenizerFault, unsupportedTokenizer, wrongField } from './tokenizer-json.js'

/**
 * The `model` of a tokenizer.json, its fields and merges checked (the vocabulary's ids are checked when they are used).
 * Loops are plain, since there are hundreds of thousands of merges.
 * @throws UserError for another model than BPE, a field of the wrong kind, and a merge of tokens that are not there
 */
export function checkBpe(model: unknown): BpeJson {
  if (!isJsonObject(model)) throw wrongField('model', model, 'an object')
  const { type = 'BPE', vocab, merges, unk_token, dropout } = model
  if (type !== 'BPE')
    throw unsupportedTokenizer(`the model ${quoted(typeof type === 'string' ? type : JSON.stringify(type))}`)
  for (const field of ['fuse_unk', 'byte_fallback', 'ignore_merges']) {
    const value = model[field] ?? false
    if (typeof value !== 'boolean') throw wrongField(`model.${field}`, value, 'true or false')
  }
  for (const field of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    const value = model[field] ?? ''
    if (typeof value !== 'string') throw wrongField(`model.${field}`, value, 'a text')
  }
  if (typeof (unk_token ?? '') !== 'string') throw wrongField('model.unk_token', unk_token, 'a text')
  if (typeof (dropout ?? 0) !== 'number') throw wrongField('model.dropout', dropout, 'a number')
  if (!isJsonObject(vocab)) throw wrongField('model.vocab', vocab, 'an object')
  if (!Array.isArray(merges)) throw wrongField('model.merges', merges, 'a list')
  return { ...model, scores: undefined, merges: checkMerges(merges, vocab) } as unknown as BpeJson
}

type Merges = readonly (string | readonly [string, string])[]

function checkMerges(merges: readonly unknown[], vocab: Readonly<Record<string, unknown>>): Merges {
  const spelled = typeof merges[0] === 'string' ? withoutVersion(merges) : merges
  const kind = typeof spelled[0]
  for (let i = 0; i < spelled.length; i++) {
    const merge = spelled[i]
    const pair = typeof merge === 'string' ? merge.split(' ') : merge
    if (typeof merge !== kind || !isPair(pair))
      throw wrongField(`model.merges[${i}]`, merge, 'a pair of tokens')
    for (const token of [pair[0], pair[1], pair[0] + pair[1]]) {
      if (!Object.hasOwn(vocab, token)) {
        const what = `its model.merges[${i}] has the token ${quoted(token)}, which model.vocab lacks`
        throw tokenizerFault(what)
      }
    }
  }
  return spelled as Merges
}

/** The lines of a merges.txt may begin with its version. */
function withoutVersion(merges: readonly unknown[]): readonly unknown[] {
  const isVersion = (merge: unknown) => typeof merge === 'string' && merge.startsWith('#version')
  return isVersion(merges[0]) ? merges.filter((merge) => !isVersion(merge)) : merges
}

function isPair(value: unknown): value is readonly [string, string] {
  return (
    Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'string'
  )
}
