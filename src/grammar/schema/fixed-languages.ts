import { Regexes } from '../regex/nodes.js'
import { Scalars } from './scalars.js'

/** Classes of characters that regular expressions of schemas often have. */
const CLASSES = ['.', '\\d', '\\w', '\\s', '\\S', '[a-z]', '[A-Z]', '[a-zA-Z]', '[a-zA-Z0-9]', '[0-9a-fA-F]']

const made = new Map<boolean, Regexes>()
/** The factory of the languages that all schemas have in common, by how strings and numbers may be spelt; made once. */
export function fixedLanguages(anySpelling: boolean): Regexes {
  let regexes = made.get(anySpelling)
  if (!regexes) {
    regexes = new Regexes()
    const scalars = new Scalars(regexes, anySpelling)
    scalars.numbers({ isInteger: 'value' }).regex()
    const string = regexes.concat([scalars.anyText, regexes.literal('"')])
    for (const source of CLASSES) scalars.pattern(source, (error) => error).regex()
    for (let point = 0x20; point < 0x7f; point++) scalars.texts([String.fromCharCode(point)])
    regexes.frozen([string, scalars.anyNumber])
    made.set(anySpelling, regexes)
  }
  return regexes
}
