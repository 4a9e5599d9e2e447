/** The syntax of an expression; `at` is its place in the grammar's text. */
export type LarkNode = { readonly at: number } & (
  | { readonly kind: 'literal'; readonly text: string; readonly ignoresCase: boolean }
  | { readonly kind: 'regex'; readonly source: string; readonly flags: string }
  | { readonly kind: 'range'; readonly first: number; readonly last: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'sequence' | 'choice' | 'and'; readonly parts: readonly LarkNode[] }
  | { readonly kind: 'not'; readonly body: LarkNode }
  | { readonly kind: 'repeat'; readonly body: LarkNode; readonly min: number; readonly max: number }
  | { readonly kind: 'token'; readonly text: string }
  | {
      readonly kind: 'tokens'
      readonly ranges: readonly (readonly [number, number])[]
      readonly isNegated: boolean
    }
  | { readonly kind: 'json'; readonly text: string }
  | { readonly kind: 'substring'; readonly chunks: readonly string[] }
)

/** A rule, whose name is in lower case, or a terminal, whose name is in upper case. */
export interface Definition {
  readonly name: string
  readonly at: number
  readonly body: LarkNode
  /** Whether the text ends as soon as it can. */
  readonly isLazy: boolean
  /** A lazy text's end, which is not part of its body. */
  readonly suffix: LarkNode | undefined
}

export interface LarkSyntax {
  readonly definitions: ReadonlyMap<string, Definition>
  /** Text that may follow terminals. */
  readonly ignored: readonly LarkNode[]
  /** Whether ignored text may stand before the first terminal. */
  readonly ignoresAtStart: boolean
}

export function isTerminalName(name: string): boolean {
  return /^_*[A-Z]/.test(name)
}
