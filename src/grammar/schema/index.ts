import { DEAD } from '../automaton.js'
import { REGEX_LIMITS, Regexes } from '../regex/nodes.js'
import { RegexAutomaton } from '../regex/regex-automaton.js'
import { SchemaAutomaton } from './automaton.js'
import { Compiler } from './compiler.js'
import { Derivatives } from './derivatives.js'
import { Documents } from './documents.js'
import { SchemaError } from './errors.js'
import { fixedLanguages } from './fixed-languages.js'
import { Formulas } from './formulas.js'
import { Frames, type Order } from './frames.js'
import { type Json, readJson } from './json.js'
import { KeyReader } from './key-reader.js'
import { Keys } from './keys.js'
import type { Whitespace } from './layout.js'
import { Lexemes } from './lexemes.js'
import { Memories } from './memory.js'
import { Scalars } from './scalars.js'
import { Types } from './types.js'
import { NONE, Witnesses } from './witnesses.js'

export type { SchemaAutomaton } from './automaton.js'
export { SchemaError } from './errors.js'
export type { Order } from './frames.js'
export type { Whitespace } from './layout.js'

export interface SchemaOptions {
  /** Whether an object's names come in the order of the schema, which is what models do best with, or in any. */
  readonly order?: Order
  readonly whitespace?: Whitespace
  /** Whether needless escapes and other spellings of numbers are accepted, as when a text of someone else's is judged. */
  readonly anySpelling?: boolean
  /** Whether `format` is enforced or passed over. */
  readonly formats?: 'enforce' | 'ignore'
  /** Texts of other documents that references lead to, by URI. */
  readonly documents?: ReadonlyMap<string, string>
  /** The schema's origin for messages: a path. */
  readonly origin?: string
}

/**
 * The automaton of the JSON texts that a schema accepts: drafts 4, 6, 7, 2019-09 and 2020-12, by `$schema`. Each keyword is enforced, or the
 * schema is refused.
 * @param schema JSON text, or a value of JavaScript's
 * @throws SchemaError with the place of what cannot be enforced, or where no value is valid
 */
export function compileSchema(schema: unknown, options: SchemaOptions = {}): SchemaAutomaton {
  const { anySpelling = false, order = 'schema', whitespace = 'compact', formats = 'enforce' } = options
  const warnings: string[] = []
  const warn = (pointer: string, text: string) => {
    warnings.push(`${pointer}: ${text}`)
  }
  const origin = options.origin ?? 'The JSON schema'
  const read = (text: string, name: string) =>
    readJson(text, name, (key) =>
      warn('#', `${name} has the key ${JSON.stringify(key)} twice, and the last one counts`),
    )
  const root = read(typeof schema === 'string' ? schema : JSON.stringify(schema), origin)
  const others = new Map<string, Json>()
  for (const [uri, text] of options.documents ?? []) others.set(uri, read(text, uri))
  const regexes = new Regexes(REGEX_LIMITS, fixedLanguages(anySpelling))
  const automaton = new RegexAutomaton(regexes, regexes.empty)
  const formulas = new Formulas(new Keys(regexes), regexes)
  const scalars = new Scalars(regexes, anySpelling)
  const documents = new Documents(root, others, warn)
  const compiler = new Compiler(documents, formulas, scalars, formats === 'enforce', warn)
  const types = new Types(formulas, (node) => compiler.expand(node))
  scalars.types = types
  const derivatives = new Derivatives(formulas)
  const witnesses = new Witnesses(types, scalars, derivatives, automaton)
  const formula = regexes.inLimits(() => {
    const whole = compiler.root()
    if (witnesses.value(whole) === NONE) throw new SchemaError('#', 'no value is valid')
    return whole
  })
  const frames = new Frames(formula, formulas, types, scalars, derivatives, witnesses, order)
  const lexemes = new Lexemes(automaton, regexes)
  const keys = new KeyReader(frames, lexemes, anySpelling)
  return new SchemaAutomaton(frames, keys, lexemes, new Memories(), whitespace, warnings)
}

/** Whether a schema accepts a text. */
export function validate(automaton: SchemaAutomaton, text: string): boolean {
  let state = automaton.start
  for (const byte of Buffer.from(text)) {
    state = automaton.next(state, byte)
    if (state === DEAD) return false
  }
  return automaton.accepts(state)
}
