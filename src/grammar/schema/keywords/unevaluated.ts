import type { SchemaContext } from '../context.js'
import { FALSE, type Formula, type Formulas, NO_END, TRUE, Type } from '../formulas.js'
import type { KeySet } from '../keys.js'
import { allItems, itemKeywords } from './arrays.js'
import { allMembers, declaredKeys, present } from './objects.js'
import { unless } from './scalars.js'

/**
 * A schema that looks at parts of the value where its condition holds: the keyword `unevaluated…` leaves these parts alone then.
 * The condition is a formula over the same value, so that nothing has to be noted while the value is read.
 */
interface FormulaEvaluator {
  readonly condition: Formula
  readonly context: SchemaContext
}

/** The schemas for the same value whose evaluations count for this one, itself first. */
function evaluators(
  context: SchemaContext,
  condition: Formula,
  found: FormulaEvaluator[] = [],
): readonly FormulaEvaluator[] {
  const { formulas, compiler } = context
  found.push({ condition, context })
  const enter = (schema: ReturnType<SchemaContext['inside']>, further: Formula) => {
    const inner = context.of(schema)
    if (inner) evaluators(inner, formulas.and([condition, further]), found)
  }
  // What all values must meet is met where the whole holds, and it counts there alone.
  for (const target of context.references()) enter(target, TRUE)
  for (const schema of context.list('allOf')) enter(schema, TRUE)
  for (const keyword of ['anyOf', 'oneOf'])
    for (const schema of context.list(keyword)) enter(schema, compiler.inPlace(schema))
  for (const [name, schema] of context.map('dependentSchemas'))
    enter(context.inside(['dependentSchemas', name], schema), present(formulas, name))
  const condition_ = context.get('if')
  if (condition_ === undefined) return found
  const tested = context.inside(['if'], condition_)
  const holds = compiler.inPlace(tested)
  enter(tested, holds)
  const [then, otherwise] = [context.get('then'), context.get('else')]
  if (then !== undefined) enter(context.inside(['then'], then), holds)
  if (otherwise !== undefined) enter(context.inside(['else'], otherwise), formulas.not(holds))
  return found
}

/** Combinations of conditions that are told apart; each doubles the formulas. */
const MOST_CONDITIONS = 8

export function unevaluatedProperties(context: SchemaContext): Formula {
  const schema = context.get('unevaluatedProperties')
  if (schema === undefined) return TRUE
  const { formulas, compiler } = context
  const { keys } = formulas
  const value = compiler.ofPart(context.inside(['unevaluatedProperties'], schema))
  const byCondition = new Map<Formula, KeySet[]>()
  for (const { condition, context: inner } of evaluators(context, TRUE)) {
    const isOpen =
      inner.get('additionalProperties') !== undefined ||
      (inner !== context && inner.get('unevaluatedProperties') !== undefined)
    const set = isOpen ? keys.all : declaredKeys(inner)
    byCondition.set(condition, [...(byCondition.get(condition) ?? []), set])
  }
  const sets = [...byCondition].map(([condition, parts]) => ({ condition, set: keys.or(parts) }))
  const names = new Set(
    evaluators(context, TRUE).flatMap(({ context: inner }) => inner.map('properties').map(([name]) => name)),
  )
  // Names are told apart by the conditions that they depend on, and all other keys by the sets that they may be in.
  const groups = new Map<string, { readonly covering: typeof sets; readonly names: string[] }>()
  for (const name of names) {
    const key = keys.known(keys.number(name))
    const covering = sets.filter(({ set }) => keys.has(set, key))
    const id = covering.map(({ condition }) => condition).join(' ')
    if (!groups.has(id)) groups.set(id, { covering, names: [] })
    groups.get(id)!.names.push(name)
  }
  const parts: Formula[] = []
  const demand = (covering: typeof sets, set: KeySet) =>
    parts.push(formulas.or([...covering.map(({ condition }) => condition), allMembers(formulas, set, value)]))
  for (const group of groups.values())
    for (const name of group.names) demand(group.covering, keys.named([name]))
  const unnamed = keys.not(keys.named([...names]))
  const languages = sets.filter(({ set }) => keys.namesOf(set) === undefined)
  if (languages.length > MOST_CONDITIONS) throw tooMany(context, 'unevaluatedProperties')
  for (let bits = 0; bits < 1 << languages.length; bits++) {
    const covers = (i: number) => ((bits >> i) & 1) === 1
    const chosen = languages.map(({ set }, i) => (covers(i) ? set : keys.not(set)))
    demand(
      languages.filter((_, i) => covers(i)),
      keys.and([unnamed, ...chosen]),
    )
  }
  return unless(context, Type.OBJECT, () => formulas.and(parts))
}

export function unevaluatedItems(context: SchemaContext): Formula {
  const schema = context.get('unevaluatedItems')
  if (schema === undefined) return TRUE
  const { formulas, compiler } = context
  const value = compiler.ofPart(context.inside(['unevaluatedItems'], schema))
  const ends: { readonly condition: Formula; readonly end: number }[] = []
  const contained: { readonly condition: Formula; readonly value: Formula }[] = []
  for (const { condition, context: inner } of evaluators(context, TRUE)) {
    const { first, rest } = itemKeywords(inner)
    const isOpen = rest !== undefined || (inner !== context && inner.get('unevaluatedItems') !== undefined)
    const end = isOpen ? Infinity : first ? inner.list(first).length : 0
    if (end > 0) ends.push({ condition, end })
    const contains = inner.get('contains')
    if (contains !== undefined && context.draft >= 2020)
      contained.push({ condition, value: compiler.ofPart(inner.inside(['contains'], contains)) })
  }
  const certain = contained.filter(({ condition }) => condition === TRUE).map((each) => each.value)
  const possible = contained.filter(({ condition }) => condition !== TRUE)
  if (possible.length > MOST_CONDITIONS) throw tooMany(context, 'unevaluatedItems')
  const borders = [...new Set([0, ...ends.map(({ end }) => end)])]
    .filter((at) => at < Infinity)
    .sort((a, b) => a - b)
  const parts = borders.map((from, i) => {
    const to = borders[i + 1] ?? NO_END
    const covering = ends.filter(({ end }) => end > from).map(({ condition }) => condition)
    const choices: Formula[] = []
    for (let bits = 0; bits < 1 << possible.length; bits++) {
      const chosen = possible.filter((_, j) => (bits >> j) & 1)
      const accepted = formulas.or([value, ...certain, ...chosen.map((each) => each.value)])
      choices.push(
        formulas.and([...chosen.map(({ condition }) => condition), allItems(formulas, from, to, accepted)]),
      )
    }
    return formulas.or([...covering, ...choices])
  })
  return unless(context, Type.ARRAY, () => conjunction(formulas, parts))
}

function conjunction(formulas: Formulas, parts: readonly Formula[]): Formula {
  return parts.includes(FALSE) ? FALSE : formulas.and(parts)
}

function tooMany(context: SchemaContext, keyword: string) {
  return context.error(keyword, `it depends on more than ${MOST_CONDITIONS} alternatives`)
}
