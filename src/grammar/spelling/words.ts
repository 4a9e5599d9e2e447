import { DEAD } from '../automaton.js'
import type { Lexer } from '../lexical.js'
import { PairTable } from '../schema/pair-table.js'
import type { WordForm } from './spelling.js'

/** Lexemes from here on are strings that are not spelled as in JSON; those of the JSON have lower numbers. */
const SPELLED = 2 ** 30
/** Lexemes that are visited at most in search of an end. */
const MOST_SEARCHED = 300
const QUOTATION_MARK = 0x22

/** A string that is being spelled: the lexeme of its JSON, and how it is spelled. */
interface SpelledLexeme {
  readonly json: number
  readonly form: WordForm
  /** After the byte that ends it: the lexeme of the JSON is over. */
  readonly isOver: boolean
}

/** The words of JSON, and strings in other spellings: one lexeme wherever strings of one language are spelled in one way. */
export class SpelledWords implements Lexer {
  private readonly lexemes: SpelledLexeme[] = []
  private readonly numbers = new PairTable()
  private readonly forms = new Map<string, number>()
  private readonly followers = new PairTable()
  private readonly ending = new Map<number, boolean>()

  constructor(private readonly json: Lexer) {}

  /** The lexeme of a string whose JSON is a lexeme. */
  of(json: number, form: WordForm): number {
    return json === DEAD ? DEAD : this.numbered(json, form, false)
  }

  identity(lexeme: number): object {
    if (lexeme < SPELLED) return this.json.identity(lexeme)
    const { json, form, isOver } = this.lexemes[lexeme - SPELLED]
    const identity = this.json.identity(json)
    const known = identities.get(identity) ?? new Map<string, object>()
    identities.set(identity, known)
    const key = `${form.key}${isOver}`
    const own = known.get(key) ?? {}
    known.set(key, own)
    return own
  }

  next(lexeme: number, byte: number): number {
    if (lexeme < SPELLED) return this.json.next(lexeme, byte)
    const known = this.followers.get(lexeme - SPELLED, byte)
    if (known >= 0) return known
    const next = this.follow(this.lexemes[lexeme - SPELLED], byte)
    const alive = next !== DEAD && this.canEnd(next) ? next : DEAD
    this.followers.set(lexeme - SPELLED, byte, alive)
    return alive
  }

  isOver(lexeme: number): boolean {
    return lexeme < SPELLED ? this.json.isOver(lexeme) : this.lexemes[lexeme - SPELLED].isOver
  }

  accepts(lexeme: number): boolean {
    return lexeme < SPELLED && this.json.accepts(lexeme)
  }

  verdict(lexeme: number): number {
    return this.json.verdict(lexeme < SPELLED ? lexeme : this.lexemes[lexeme - SPELLED].json)
  }

  freeText(lexeme: number): number {
    return lexeme < SPELLED ? this.json.freeText(lexeme) : 0
  }

  freeTextIsAll(lexeme: number): boolean {
    return lexeme < SPELLED && this.json.freeTextIsAll(lexeme)
  }

  private follow({ json, form, isOver }: SpelledLexeme, byte: number): number {
    if (isOver) return DEAD
    if (byte === form.ender && form.mayEnd) {
      const ended = this.json.next(json, QUOTATION_MARK)
      return ended !== DEAD && this.json.isOver(ended) ? this.numbered(ended, form, true) : DEAD
    }
    const read = form.read(byte)
    if (!read) return DEAD
    let after = json
    for (let i = 0; i < read.json.length && after !== DEAD; i++)
      after = this.json.next(after, read.json.charCodeAt(i))
    return after === DEAD ? DEAD : this.numbered(after, read.form, false)
  }

  /** Whether the byte that ends it can be come to. */
  private canEnd(start: number): boolean {
    const known = this.ending.get(start)
    if (known !== undefined) return known
    const queue = [start]
    const seen = new Set(queue)
    let found = false
    for (let i = 0; i < queue.length && i < MOST_SEARCHED && !found; i++) {
      const lexeme = this.lexemes[queue[i] - SPELLED]
      found = lexeme.isOver || this.ending.get(queue[i]) === true
      for (let byte = 0; byte < 256 && !found; byte++) {
        const next = this.follow(lexeme, byte)
        if (next === DEAD || seen.has(next)) continue
        seen.add(next)
        queue.push(next)
        found = this.lexemes[next - SPELLED].isOver
      }
    }
    this.ending.set(start, found)
    return found
  }

  private numbered(json: number, form: WordForm, isOver: boolean): number {
    const key = `${form.key}${isOver}`
    let own = this.forms.get(key)
    if (own === undefined) {
      own = this.forms.size
      this.forms.set(key, own)
    }
    let number = this.numbers.get(own, json)
    if (number < 0) {
      number = this.lexemes.length
      this.lexemes.push({ json, form, isOver })
      this.numbers.set(own, json, number)
    }
    return SPELLED + number
  }
}

/** By the identity of JSON's words, for all languages: those of their spellings by key. */
const identities = new WeakMap<object, Map<string, object>>()
