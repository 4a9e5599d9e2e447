/** The syntax tree of a template; `line` counts from 1. */

export type Expression = { readonly line: number } & (
  | { readonly type: 'const'; readonly value: string | bigint | number | boolean | null }
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'list' | 'tuple' | 'concat'; readonly items: readonly Expression[] }
  | { readonly type: 'dict'; readonly pairs: readonly (readonly [Expression, Expression])[] }
  | { readonly type: 'not' | 'neg' | 'pos'; readonly operand: Expression }
  | { readonly type: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | {
      readonly type: 'binary'
      readonly operator: string
      readonly left: Expression
      readonly right: Expression
    }
  | {
      readonly type: 'compare'
      readonly first: Expression
      readonly rest: readonly { readonly operator: string; readonly operand: Expression }[]
    }
  | {
      readonly type: 'conditional'
      readonly test: Expression
      readonly value: Expression
      readonly otherwise: Expression | undefined
    }
  | { readonly type: 'attribute'; readonly object: Expression; readonly name: string }
  | { readonly type: 'item'; readonly object: Expression; readonly index: Expression }
  | {
      readonly type: 'slice'
      readonly object: Expression
      readonly bounds: readonly [Expression | undefined, Expression | undefined, Expression | undefined]
    }
  | { readonly type: 'call'; readonly callee: Expression; readonly args: Arguments }
  | FilterNode
  | { readonly type: 'test'; readonly value: Expression; readonly name: string; readonly args: Arguments }
)

export interface FilterNode {
  readonly type: 'filter'
  readonly line: number
  /** Undefined where the filter is given the text of a block. */
  readonly value: Expression | undefined
  readonly name: string
  readonly args: Arguments
}

export interface Arguments {
  readonly positional: readonly Expression[]
  readonly named: readonly (readonly [string, Expression])[]
  /** `*items` */
  readonly spread: Expression | undefined
  /** `**fields` */
  readonly spreadNamed: Expression | undefined
}

export type Target =
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'field'; readonly namespace: string; readonly field: string }
  | { readonly type: 'tuple'; readonly targets: readonly Target[] }

export interface Signature {
  readonly parameters: readonly { readonly name: string; readonly fallback: Expression | undefined }[]
  /** Which of `caller`, `varargs` and `kwargs` the body reads without being a parameter of that name. */
  readonly special: ReadonlySet<string>
}

export type Body = readonly Statement[]

interface MacroNode {
  readonly type: 'macro'
  readonly line: number
  readonly name: string
  readonly signature: Signature
  readonly body: Body
}

export interface ForNode {
  readonly type: 'for'
  readonly line: number
  readonly target: Target
  readonly items: Expression
  readonly test: Expression | undefined
  readonly recursive: boolean
  readonly body: Body
  readonly otherwise: Body
}

export type Statement =
  | MacroNode
  | ForNode
  | { readonly type: 'text'; readonly line: number; readonly text: string }
  | { readonly type: 'print'; readonly line: number; readonly value: Expression }
  | {
      readonly type: 'if'
      readonly line: number
      readonly branches: readonly { readonly test: Expression; readonly body: Body }[]
      readonly otherwise: Body
    }
  | { readonly type: 'set'; readonly line: number; readonly target: Target; readonly value: Expression }
  | {
      readonly type: 'setBlock'
      readonly line: number
      readonly target: Target
      readonly filter: FilterNode | undefined
      readonly body: Body
    }
  | {
      readonly type: 'with'
      readonly line: number
      readonly assignments: readonly { readonly target: Target; readonly value: Expression }[]
      readonly body: Body
    }
  | { readonly type: 'filterBlock'; readonly line: number; readonly filter: FilterNode; readonly body: Body }
  | {
      readonly type: 'callBlock'
      readonly line: number
      readonly call: Expression & { readonly type: 'call' }
      readonly signature: Signature
      readonly body: Body
    }
  | { readonly type: 'generation'; readonly line: number; readonly body: Body }
  | { readonly type: 'break' | 'continue'; readonly line: number }
