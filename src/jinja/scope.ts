import type { JinjaValue } from './values.js'

/** The variables of a block of a template, within those of the blocks around it. */
export class Scope {
  private readonly variables = new Map<string, JinjaValue>()

  constructor(private readonly outer: Scope | undefined) {}

  get(name: string): JinjaValue | undefined {
    let scope: Scope | undefined = this
    while (scope) {
      const value = scope.variables.get(name)
      if (value !== undefined) return value
      scope = scope.outer
    }
    return undefined
  }

  set(name: string, value: JinjaValue): void {
    this.variables.set(name, value)
  }
}
