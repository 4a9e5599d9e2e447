import type { Bpe } from './bpe.js'
import type { Normalizer } from './normalizer.js'
import { type CharacterSources, through } from './offsets.js'
import { type AddedToken, quoted, tokenizerFault } from './tokenizer-json.js'

/** A part of a text: an added token's id, or a text that the model cuts into tokens; with sources in the text, where wanted. */
export type Section = AddedSection | TextSection

interface AddedSection {
  readonly id: number
  readonly sources?: CharacterSources
}

export interface TextSection {
  readonly text: string
  /** Whether the whole text begins with it. */
  readonly atStart: boolean
  readonly sources?: CharacterSources
}

const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]'
const ENDS_WITH_WORD = new RegExp(`${WORD}$`, 'u')
const STARTS_WITH_WORD = new RegExp(`^${WORD}`, 'u')
const SPACE = /\p{White_Space}/u

/** Tokens that are matched in the text before the model sees it, as Rust `tokenizers`' AddedVocabulary does it. */
export class AddedVocabulary {
  /** Texts of tokens that decoding may leave out. */
  readonly special = new Set<string>()
  private readonly ids = new Map<string, number>()
  private readonly tokens = new Map<number, AddedToken>()
  /** By id, where the normalizer changes the token. */
  private readonly normalized = new Map<number, string>()
  /** Matched in the text as it is, and in the normalized text. */
  private plain = new Trie()
  private inNormalized = new Trie()
  private isStale = false
  /** One more than the highest id of an added token. */
  size = 0

  /** @param splitSpecial special tokens in a text are cut as other text is (HF's `split_special_tokens`) */
  constructor(
    private readonly model: Pick<Bpe, 'ids' | 'tokens'>,
    private readonly normalizer: Normalizer | undefined,
    private readonly splitSpecial: boolean,
  ) {}

  /** Adds tokens: those that the model has keep their ids, others get the next ones, whatever ids the files give them. */
  add(tokens: Iterable<AddedToken>): void {
    for (const token of tokens) {
      if (token.content === '') continue
      const id = this.idOf(token.content) ?? Math.max(this.model.ids.size, this.size)
      this.size = Math.max(this.size, id + 1)
      this.ids.set(token.content, id)
      this.tokens.set(id, token)
      if (token.special) this.special.add(token.content)
      const normalized = isNormalized(token) ? this.normalizer?.apply(token.content) : undefined
      if (normalized === '')
        throw tokenizerFault(`its normalizer leaves nothing of the token ${quoted(token.content)}`)
      if (normalized !== undefined && normalized !== token.content) this.normalized.set(id, normalized)
    }
    this.isStale = true
  }

  /** The id of an added token, or else of one of the model. */
  idOf(token: string): number | undefined {
    return this.ids.get(token) ?? this.model.ids.get(token)
  }

  /** The token as decoders are given it: an added one normalized where it is matched so. */
  tokenOf(id: number): string | undefined {
    return this.normalized.get(id) ?? this.tokens.get(id)?.content ?? this.model.tokens[id]
  }

  /** Added tokens as `tokenOf` gives them, by id; all others are the model's. */
  entries(): [id: number, token: string][] {
    return [...this.tokens.keys()].map((id) => [id, this.tokenOf(id)!])
  }

  /** Ids of special tokens. One whose normalized text is another is none, as in Rust. */
  specialIds(): Set<number> {
    const ids = [...this.special].map((token) => this.idOf(token)!)
    return new Set(ids.filter((id) => this.special.has(this.tokenOf(id)!)))
  }

  /** The parts of a text in order. @param sources of the text, where those of the parts are wanted */
  split(text: string, sources?: CharacterSources): Section[] {
    if (this.isStale) this.buildTries()
    const sections: Section[] = []
    for (const section of this.matches({ text, atStart: true, sources }, this.plain)) {
      if ('id' in section) sections.push(section)
      else for (const part of this.matches(this.normalize(section), this.inNormalized)) sections.push(part)
    }
    return sections
  }

  private normalize(section: TextSection): TextSection {
    const { normalizer } = this
    if (!normalizer) return section
    const { text, atStart, sources } = section
    return {
      text: normalizer.apply(text),
      atStart,
      sources: sources && through(sources, normalizer.sources(text)),
    }
  }

  private buildTries(): void {
    this.plain = new Trie()
    this.inNormalized = new Trie()
    for (const [id, token] of this.tokens) {
      if (isNormalized(token)) this.inNormalized.add(this.normalized.get(id) ?? token.content, id)
      else this.plain.add(token.content, id)
    }
    this.isStale = false
  }

  /** What a token strips may hold the next match, which counts all the same. */
  private *matches({ text, atStart, sources }: TextSection, trie: Trie): Generator<Section> {
    const between = (start: number, end: number): TextSection => ({
      text: text.slice(start, end),
      atStart: atStart && start === 0,
      sources: sources?.subarray(start, end),
    })
    let done = 0
    let at = 0
    for (let match = trie.find(text, at); match; match = trie.find(text, at)) {
      at = match.end
      const token = this.tokens.get(match.id)!
      if (this.splitSpecial && this.special.has(token.content)) continue
      if (token.single_word && !isWord(text, match)) continue
      const start = token.lstrip ? Math.max(done, spacesBefore(text, match.start)) : match.start
      if (done < start) yield between(done, start)
      done = token.rstrip ? spacesAfter(text, match.end) : match.end
      yield { id: match.id, sources: sources?.subarray(start, done) }
    }
    if (done < text.length) yield between(done, text.length)
  }
}

/** Special tokens are not normalized unless they say so. */
function isNormalized({ normalized, special }: AddedToken): boolean {
  return normalized ?? !special
}

interface Match {
  readonly start: number
  readonly end: number
  readonly id: number
}

/** Whether no word reaches across the ends of a match. */
function isWord(text: string, { start, end }: Match): boolean {
  return (
    !ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) &&
    !STARTS_WITH_WORD.test(text.slice(end, end + 2))
  )
}

function spacesBefore(text: string, end: number): number {
  let start = end
  while (start > 0 && SPACE.test(text[start - 1])) start--
  return start
}

function spacesAfter(text: string, start: number): number {
  let end = start
  while (end < text.length && SPACE.test(text[end])) end++
  return end
}

interface Node {
  readonly next: Map<number, Node>
  id: number | undefined
}

/** Finds the leftmost of its texts in another, and of those the longest. */
class Trie {
  private readonly root: Node = { next: new Map(), id: undefined }
  /** By UTF-16 unit: 1 where a text begins with it. */
  private readonly firsts = new Uint8Array(2 ** 16)

  add(text: string, id: number): void {
    let node = this.root
    this.firsts[text.charCodeAt(0)] = 1
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      const next = node.next.get(unit) ?? { next: new Map(), id: undefined }
      node.next.set(unit, next)
      node = next
    }
    node.id ??= id
  }

  /** The first match that begins at `from` or after it. */
  find(text: string, from: number): Match | undefined {
    for (let start = from; start < text.length; start++) {
      if (this.firsts[text.charCodeAt(start)] === 0) continue
      const match = this.longest(text, start)
      if (match) return match
    }
    return undefined
  }

  private longest(text: string, start: number): Match | undefined {
    let match: Match | undefined
    let node = this.root.next.get(text.charCodeAt(start))
    for (let end = start + 1; node; end++) {
      if (node.id !== undefined) match = { start, end, id: node.id }
      node = node.next.get(text.charCodeAt(end))
    }
    return match
  }
}
