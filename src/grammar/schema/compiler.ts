import { nearest } from '../../nearest.js'
import { type DynamicScope, type ReachedSchema, type SchemaCompiler, SchemaContext } from './context.js'
import { hasKeyword, subschemas } from './dialect.js'
import type { Documents, SchemaPlace } from './documents.js'
import { SchemaError } from './errors.js'
import { FALSE, type Formula, type Formulas, TRUE } from './formulas.js'
import type { JsonObject } from './json.js'
import { ANNOTATIONS, KEYWORDS } from './keywords/index.js'
import type { Scalars } from './scalars.js'

/** A schema whose formula is made at most once. */
interface Node extends ReachedSchema {
  formula?: Formula
  isOpen: boolean
}

/** Schemas of one value that lead to each other, by references and keywords such as `allOf`, at most. */
const DEEPEST = 500

/** Turns the schemas of documents into formulas, each when it is first needed. */
export class Compiler implements SchemaCompiler {
  private readonly nodes: Node[] = []
  private readonly numbers = new Map<JsonObject, Map<string, number>>()
  private readonly told = new Set<string>()
  private depth = 0

  constructor(
    readonly documents: Documents,
    readonly formulas: Formulas,
    readonly scalars: Scalars,
    /** Whether `format` is an assertion. */
    readonly assertsFormats: boolean,
    readonly warn: (pointer: string, text: string) => void,
  ) {}

  /** What the whole schema demands. All that can be reached from it is compiled, so that what cannot be enforced is refused now. */
  root(): Formula {
    const root = this.inPlace({ place: this.documents.root, scope: [] })
    for (let node = 0; node < this.nodes.length; node++) this.expand(node)
    return root
  }

  /** What a schema demands of the value that another one is about: its formula itself. */
  inPlace(schema: ReachedSchema): Formula {
    if (typeof schema.place.schema === 'boolean') return schema.place.schema ? TRUE : FALSE
    return this.expand(this.numberOf(schema.place, schema.scope))
  }

  /** What a schema demands of a value inside: its formula where it has no schemas inside, else a reference to it. */
  ofPart(schema: ReachedSchema): Formula {
    const { place } = schema
    if (typeof place.schema === 'boolean') return place.schema ? TRUE : FALSE
    const number = this.numberOf(place, schema.scope)
    const isLeaf = subschemas(place.schema).next().done && !REFERENCES.some((name) => isString(place, name))
    return isLeaf ? this.expand(number) : this.formulas.schema(number)
  }

  expand(number: number): Formula {
    const node = this.nodes[number]
    if (node.formula !== undefined) return node.formula
    const { place } = node
    if (node.isOpen)
      throw new SchemaError(place.pointer, 'the schema refers to itself for the same value, without an end')
    if (++this.depth > DEEPEST)
      throw new SchemaError(
        place.pointer,
        `schemas of one value lead to each other more than ${DEEPEST} deep`,
      )
    node.isOpen = true
    const schema = place.schema as JsonObject
    const { dialect, dynamicAnchors } = place.resource
    const scope =
      dynamicAnchors.size > 0 && !node.scope.includes(place.resource)
        ? [...node.scope, place.resource]
        : node.scope
    const context = new SchemaContext(this, place, schema, scope)
    const hidesSiblings = dialect.draft <= 7 && !dialect.isLoose && isString(place, '$ref')
    const keywords = hidesSiblings ? ['$ref'] : [...schema.keys()]
    const done = new Set<unknown>()
    const parts: Formula[] = []
    for (const keyword of keywords) {
      const rule = Object.hasOwn(KEYWORDS, keyword) ? KEYWORDS[keyword] : undefined
      if (!rule) this.passOver(place, keyword)
      else if (!hasKeyword(dialect, keyword)) {
        const text = `${keyword} is no keyword of the schema's draft, and is passed over`
        if (rule.apply && keyword !== 'id') this.warn(`${place.pointer}/${keyword}`, text)
      } else if (rule.apply && !done.has(rule.apply) && (dialect.asserts || !rule.isAssertion)) {
        done.add(rule.apply)
        parts.push(rule.apply(context))
      }
    }
    for (const rule of [KEYWORDS.unevaluatedProperties, KEYWORDS.unevaluatedItems])
      if (rule.last && !hidesSiblings) parts.push(rule.last(context))
    node.formula = this.formulas.and(parts)
    node.isOpen = false
    this.depth--
    return node.formula
  }

  private numberOf(place: SchemaPlace, scope: DynamicScope): number {
    const schema = place.schema as JsonObject
    let numbers = this.numbers.get(schema)
    if (!numbers) {
      numbers = new Map()
      this.numbers.set(schema, numbers)
    }
    const key = scope.map(({ uri }) => uri).join(' ')
    let number = numbers.get(key)
    if (number === undefined) {
      number = this.nodes.length
      this.nodes.push({ place, scope, isOpen: false })
      numbers.set(key, number)
    }
    return number
  }

  /** An unknown keyword is an annotation; one that is nearly a known one is told of. */
  private passOver(place: SchemaPlace, keyword: string): void {
    if (ANNOTATIONS.has(keyword) || this.told.has(keyword) || this.told.size > 100) return
    this.told.add(keyword)
    const meant = nearest(keyword, Object.keys(KEYWORDS), 0.25)
    if (meant && keyword.length > 3)
      this.warn(`${place.pointer}/${keyword}`, `the keyword is not known; did you mean ${meant}?`)
  }
}

const REFERENCES = ['$ref', '$dynamicRef', '$recursiveRef'] as const

function isString(place: SchemaPlace, keyword: string): boolean {
  return typeof (place.schema as JsonObject).get(keyword) === 'string'
}
