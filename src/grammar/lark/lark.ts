import type { Automaton } from '../automaton.js'
import { CfgAutomaton } from '../cfg/cfg-automaton.js'
import { GrammarText } from '../grammar-text.js'
import { Regexes } from '../regex/nodes.js'
import { LarkCompiler, type LarkOptions } from './compiler.js'
import { LarkParser } from './parser.js'

/**
 * The language of a grammar in Lark's notation, with the additions of llguidance (`docs/syntax.md`). It is the language of the rules over
 * characters: a text belongs to it if any cut into terminals does, and no terminal takes as much as it can.
 * @throws GrammarError where it is malformed; GrammarLimitError where it is too large
 */
export function larkAutomaton(
  source: string,
  options: LarkOptions & { readonly regexes?: Regexes } = {},
): Automaton {
  const regexes = options.regexes ?? new Regexes()
  const text = new GrammarText(source, 'Lark')
  const syntax = new LarkParser(text).parse()
  const compiler = new LarkCompiler(text, regexes, syntax, options)
  return new CfgAutomaton(regexes, compiler.compile(), () => compiler.explainEmpty())
}
