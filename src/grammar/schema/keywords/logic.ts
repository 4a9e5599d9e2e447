import type { SchemaContext } from '../context.js'
import { FALSE, type Formula } from '../formulas.js'

export function references(context: SchemaContext): Formula {
  for (const keyword of ['$ref', '$dynamicRef', '$recursiveRef']) {
    const value = context.get(keyword)
    if (value !== undefined && typeof value !== 'string')
      throw context.error(keyword, 'a reference is a text')
  }
  return context.formulas.and(context.references().map((target) => context.compiler.inPlace(target)))
}

function each(context: SchemaContext, keyword: string): readonly Formula[] {
  return context.list(keyword).map((schema) => context.compiler.inPlace(schema))
}

export function allOf(context: SchemaContext): Formula {
  return context.formulas.and(each(context, 'allOf'))
}

export function anyOfKeyword(context: SchemaContext): Formula {
  return context.formulas.or(each(context, 'anyOf'))
}

export function exactlyOneOf(context: SchemaContext): Formula {
  return context.formulas.one(each(context, 'oneOf'))
}

export function not(context: SchemaContext): Formula {
  return context.formulas.not(inPlace(context, 'not') ?? FALSE)
}

export function conditional(context: SchemaContext): Formula {
  const { formulas } = context
  const condition = inPlace(context, 'if')!
  const [then, otherwise] = [inPlace(context, 'then'), inPlace(context, 'else')]
  return formulas.and([
    ...(then === undefined ? [] : [formulas.or([formulas.not(condition), then])]),
    ...(otherwise === undefined ? [] : [formulas.or([condition, otherwise])]),
  ])
}

function inPlace(context: SchemaContext, keyword: string): Formula | undefined {
  const value = context.get(keyword)
  return value === undefined ? undefined : context.compiler.inPlace(context.inside([keyword], value))
}
