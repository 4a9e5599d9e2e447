import { typeError } from './errors.js'

/**
 * A list among a template's variables that is watched: whether a template reads its items tells whether it knows of them. Printed
 * as Python prints a list, it makes no sense where it stands, and is an error.
 */
export class Watched {
  /** Whether the template has gone through the items. */
  isRead = false

  constructor(readonly items: readonly unknown[]) {}
}

const watched = new WeakMap<object, Watched>()

export function watch(list: object, by: Watched): void {
  watched.set(list, by)
}

/** For what goes through the items of a list. */
export function noteRead(list: object): void {
  const by = watched.get(list)
  if (by) by.isRead = true
}

/** @throws JinjaError for a list that is watched */
export function refusePrinting(list: object): void {
  if (watched.has(list)) typeError('a list is printed where a text is needed')
}
