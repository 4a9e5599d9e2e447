import type { Value } from './values.js'

/** The variables of a block of a template, within those of the blocks around it. */
export class Scope {
  private readonly variables = new Map<string, Value>()

  constructor(private readonly outer: Scope | undefined) {}

  get(name: string): Value | undefined {
    let scope: Scope | undefined = this
    while (scope) {
      const value = scope.variables.get(name)
      if (value !== undefined) return value
      scope = scope.outer
    }
    return undefined
  }

  set(name: string, value: Value): void {
    this.variables.set(name, value)
  }
}
