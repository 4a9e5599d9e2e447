const orders = new WeakMap<object, readonly string[]>()

/** Notes the order of an object's keys, of which JavaScript puts those that are whole numbers first. */
export function keepKeyOrder(object: object, keys: readonly string[]): void {
  orders.set(object, keys)
}

/** The keys of an object in the order in which they were written, as Python has them. */
export function keysInOrder(object: object): readonly string[] {
  return orders.get(object) ?? Object.keys(object)
}
