import type { Regex } from '../regex/regex.js'
import { type Formula, type Formulas, Kind } from './formulas.js'

const NONE: readonly Regex[] = []

/** The languages that formulas tell the keys of an object apart by. */
export class KeyLanguages {
  private readonly known: (readonly Regex[])[] = []

  constructor(private readonly formulas: Formulas) {}

  ofAll(formulas: readonly Formula[]): readonly Regex[] {
    if (formulas.length === 1) return this.of(formulas[0])
    return [...new Set(formulas.flatMap((each) => this.of(each)))]
  }

  of(formula: Formula): readonly Regex[] {
    this.known[formula] ??= this.find(formula)
    return this.known[formula]
  }

  private find(formula: Formula): readonly Regex[] {
    const [kind, ...parts] = this.formulas.tuple(formula)
    const found = new Set<Regex>()
    if (kind === Kind.MEMBERS) this.formulas.keys.languagesOf(parts[1], found)
    else if (kind >= Kind.NOT)
      for (const part of parts) for (const language of this.of(part)) found.add(language)
    return found.size === 0 ? NONE : [...found]
  }
}
