import type { SchemaContext } from '../context.js'
import { type Formula, type Formulas, TRUE, Type } from '../formulas.js'
import { isArray, type Json } from '../json.js'
import type { KeySet } from '../keys.js'
import { patternLanguage, unless } from './scalars.js'
import { countOf, namesOf } from './values.js'

/** All members with a key in the set have a value for which the formula holds. */
export function allMembers(formulas: Formulas, set: KeySet, value: Formula): Formula {
  return formulas.not(formulas.members(1, set, formulas.not(value)))
}

/** The object has a member of that name. */
export function present(formulas: Formulas, name: string): Formula {
  return formulas.members(1, formulas.keys.named([name]), TRUE)
}

/** `properties`, `patternProperties` and `additionalProperties`: the last one is about the keys that the others leave. */
export function members(context: SchemaContext): Formula {
  const { formulas, compiler } = context
  const { keys } = formulas
  const properties = context.map('properties')
  const parts: Formula[] = [formulas.order(properties.map(([name]) => name))]
  for (const [name, schema] of properties) {
    const value = compiler.ofPart(context.inside(['properties', name], schema))
    parts.push(allMembers(formulas, keys.named([name]), value))
  }
  for (const [pattern, schema] of context.map('patternProperties')) {
    const value = compiler.ofPart(context.inside(['patternProperties', pattern], schema))
    parts.push(allMembers(formulas, patternKeys(context, pattern), value))
  }
  const additional = context.get('additionalProperties')
  if (additional !== undefined) {
    const value = compiler.ofPart(context.inside(['additionalProperties'], additional))
    parts.push(allMembers(formulas, keys.not(declaredKeys(context)), value))
  }
  return unless(context, Type.OBJECT, () => formulas.and(parts))
}

/** The keys that `properties` and `patternProperties` speak of. */
export function declaredKeys(context: SchemaContext): KeySet {
  const { keys } = context.formulas
  return keys.or([
    keys.named(context.map('properties').map(([name]) => name)),
    ...context.map('patternProperties').map(([pattern]) => patternKeys(context, pattern)),
  ])
}

export function patternKeys(context: SchemaContext, pattern: string): KeySet {
  return context.formulas.keys.matching(patternLanguage(context, 'patternProperties', pattern).regex())
}

/** `required`, `minProperties` and `maxProperties`. */
export function counts(context: SchemaContext): Formula {
  const { formulas } = context
  const { keys } = formulas
  const parts = namesOf(context, 'required', context.get('required')).map((name) => present(formulas, name))
  const [least, most] = [countOf(context, 'minProperties') ?? 0, countOf(context, 'maxProperties')]
  parts.push(formulas.members(least, keys.all, TRUE))
  if (most !== undefined) parts.push(formulas.not(formulas.members(most + 1, keys.all, TRUE)))
  return unless(context, Type.OBJECT, () => formulas.and(parts))
}

/** No key is a string for which the schema does not hold. */
export function propertyNames(context: SchemaContext): Formula {
  const { formulas, compiler } = context
  const { keys } = formulas
  const demand = compiler.ofPart(context.inside(['propertyNames'], context.get('propertyNames')!))
  const names = compiler.scalars.stringsOf(demand)
  return unless(context, Type.OBJECT, () =>
    formulas.not(formulas.members(1, keys.not(keys.matching(names)), TRUE)),
  )
}

/** `dependentRequired`, `dependentSchemas`, and `dependencies` that are either. */
export function dependencies(context: SchemaContext): Formula {
  const { formulas, compiler } = context
  const parts: Formula[] = []
  const imply = (keyword: string, name: string, demand: Json) => {
    const then = isArray(demand)
      ? formulas.and(namesOf(context, keyword, demand).map((other) => present(formulas, other)))
      : compiler.inPlace(context.inside([keyword, name], demand))
    parts.push(formulas.or([formulas.not(present(formulas, name)), then]))
  }
  for (const keyword of ['dependentRequired', 'dependentSchemas', 'dependencies'])
    for (const [name, demand] of context.map(keyword)) imply(keyword, name, demand)
  return formulas.and(parts)
}
