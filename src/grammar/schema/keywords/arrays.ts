import type { SchemaContext } from '../context.js'
import { type Formula, type Formulas, NO_END, TRUE, Type } from '../formulas.js'
import { isArray, type Json } from '../json.js'
import { unless } from './scalars.js'
import { countOf } from './values.js'

/** All items from index `from` up to, but not with, `to` are values for which the formula holds. */
export function allItems(formulas: Formulas, from: number, to: number, value: Formula): Formula {
  return formulas.not(formulas.items(1, from, to, formulas.not(value)))
}

/** The keywords that give the first items' schemas one by one, and all further ones' schema. */
export function itemKeywords(context: SchemaContext): {
  readonly first: 'prefixItems' | 'items' | undefined
  readonly rest: 'items' | 'additionalItems' | undefined
} {
  const items = context.get('items')
  const isList = isArray(items) && (context.draft < 2020 || context.isLoose)
  if (isList && context.get('prefixItems') === undefined)
    return {
      first: 'items',
      rest: context.get('additionalItems') === undefined ? undefined : 'additionalItems',
    }
  return {
    first: context.get('prefixItems') === undefined ? undefined : 'prefixItems',
    rest: items === undefined ? undefined : 'items',
  }
}

/** The items, item by item: `prefixItems`, `items` and `additionalItems`, which changed their roles from draft to draft. */
export function items(context: SchemaContext): Formula {
  const { formulas, compiler } = context
  const { first, rest } = itemKeywords(context)
  const schemas = first ? context.list(first) : []
  const parts = schemas.map((schema, i) => allItems(formulas, i, i + 1, compiler.ofPart(schema)))
  if (rest) {
    const value = compiler.ofPart(context.inside([rest], context.get(rest) as Json))
    parts.push(allItems(formulas, schemas.length, NO_END, value))
  }
  return unless(context, Type.ARRAY, () => formulas.and(parts))
}

/** `minItems` and `maxItems`. */
export function itemCounts(context: SchemaContext): Formula {
  const { formulas } = context
  const [least, most] = [countOf(context, 'minItems') ?? 0, countOf(context, 'maxItems')]
  const parts = [formulas.items(least, 0, NO_END, TRUE)]
  if (most !== undefined) parts.push(formulas.not(formulas.items(most + 1, 0, NO_END, TRUE)))
  return unless(context, Type.ARRAY, () => formulas.and(parts))
}

/** `contains` with `minContains` and `maxContains`, which mean nothing without it. */
export function containsKeyword(context: SchemaContext): Formula {
  const { formulas, compiler } = context
  const value = compiler.ofPart(context.inside(['contains'], context.get('contains')!))
  const [least, most] = [countOf(context, 'minContains') ?? 1, countOf(context, 'maxContains')]
  const parts = [formulas.items(least, 0, NO_END, value)]
  if (most !== undefined) parts.push(formulas.not(formulas.items(most + 1, 0, NO_END, value)))
  return unless(context, Type.ARRAY, () => formulas.and(parts))
}

export function uniqueItems(context: SchemaContext): Formula {
  const value = context.get('uniqueItems')
  if (typeof value !== 'boolean') throw context.error('uniqueItems', 'true or false is needed')
  return value ? unless(context, Type.ARRAY, () => context.formulas.unique()) : TRUE
}
