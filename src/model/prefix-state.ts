import type { Prefix } from './prefix.js'

/**
 * What `extend` computes token by token, remembered at every prefix that was asked for, so that the next token
 * costs one call of `extend`. A forgotten prefix frees its state.
 */
export function prefixState<State>(
  start: () => State,
  extend: (state: State, prefix: Prefix) => State,
): (prefix: Prefix) => State {
  const states = new WeakMap<Prefix, State>()
  return (prefix) => {
    const pending: Prefix[] = []
    let node: Prefix | undefined = prefix
    while (node && !states.has(node)) {
      pending.push(node)
      node = node.parent
    }
    let state = node ? states.get(node)! : start()
    while (pending.length > 0) state = extend(state, pending.pop()!)
    states.set(prefix, state)
    return state
  }
}
