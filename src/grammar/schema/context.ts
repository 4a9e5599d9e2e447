import { hasKeyword } from './dialect.js'
import { type Documents, RECURSIVE, type Resource, type SchemaPlace } from './documents.js'
import { SchemaError } from './errors.js'
import type { Formula, Formulas } from './formulas.js'
import { isObject, type Json, type JsonObject } from './json.js'
import type { Scalars } from './scalars.js'

/** Resources with dynamic anchors that a schema was reached through, outermost first. */
export type DynamicScope = readonly Resource[]

/** A schema where it stands, and how it was reached. */
export interface ReachedSchema {
  readonly place: SchemaPlace
  readonly scope: DynamicScope
}

/** All that keywords need to become formulas. */
export interface SchemaCompiler {
  readonly documents: Documents
  readonly formulas: Formulas
  readonly scalars: Scalars
  /** Whether `format` is an assertion. */
  readonly assertsFormats: boolean
  warn(pointer: string, text: string): void
  /** What a schema demands of the value that another one is about. */
  inPlace(schema: ReachedSchema): Formula
  /** What a schema demands of a value inside. */
  ofPart(schema: ReachedSchema): Formula
}

/** A schema whose keywords are read. */
export class SchemaContext {
  constructor(
    readonly compiler: SchemaCompiler,
    readonly place: SchemaPlace,
    readonly schema: JsonObject,
    readonly scope: DynamicScope,
  ) {}

  get formulas(): Formulas {
    return this.compiler.formulas
  }

  get draft(): number {
    return this.place.resource.dialect.draft
  }

  get isLoose(): boolean {
    return this.place.resource.dialect.isLoose
  }

  /** A keyword's value; undefined also for one that the draft does not have. */
  get(keyword: string): Json | undefined {
    return hasKeyword(this.place.resource.dialect, keyword) ? this.schema.get(keyword) : undefined
  }

  error(keyword: string, reason: string): SchemaError {
    return new SchemaError(`${this.place.pointer}/${keyword}`, reason)
  }

  /** A schema inside this one. */
  inside(steps: readonly string[], schema: Json): ReachedSchema {
    return { place: this.compiler.documents.inside(this.place, steps, schema), scope: this.scope }
  }

  /** The list of schemas of a keyword. */
  list(keyword: string): readonly ReachedSchema[] {
    const value = this.get(keyword)
    if (value === undefined) return []
    if (!Array.isArray(value)) throw this.error(keyword, 'a list of schemas is needed')
    return value.map((schema, index) => this.inside([keyword, String(index)], schema))
  }

  /** The schemas of a keyword by name. */
  map(keyword: string): readonly (readonly [string, Json])[] {
    const value = this.get(keyword)
    if (value === undefined) return []
    if (!isObject(value)) throw this.error(keyword, 'an object is needed')
    return [...value]
  }

  /** The context of another schema for the same value. */
  of(schema: ReachedSchema): SchemaContext | undefined {
    const { place } = schema
    if (typeof place.schema === 'boolean') return undefined
    const { resource } = place
    const isEntered = resource.dynamicAnchors.size > 0 && !schema.scope.includes(resource)
    const scope = isEntered ? [...schema.scope, resource] : schema.scope
    return new SchemaContext(this.compiler, place, place.schema, scope)
  }

  /** The schemas that the references of this one lead to. */
  references(): readonly ReachedSchema[] {
    const found: SchemaPlace[] = []
    const { documents } = this.compiler
    const reference = (keyword: string) => {
      const value = this.get(keyword)
      return typeof value === 'string' ? value : undefined
    }
    const plain = reference('$ref')
    if (plain !== undefined) found.push(documents.resolve(this.place, plain))
    const dynamic = reference('$dynamicRef')
    if (dynamic !== undefined) {
      const target = documents.resolve(this.place, dynamic)
      const name = dynamic.split('#')[1] ?? ''
      const isMarked = name !== '' && documents.dynamic(target.resource, name)?.schema === target.schema
      found.push((isMarked && this.outermost(name)) || target)
    }
    const recursive = reference('$recursiveRef')
    if (recursive !== undefined) {
      const target = documents.resolve(this.place, recursive)
      const isMarked = documents.dynamic(target.resource, RECURSIVE)?.schema === target.schema
      found.push((isMarked && this.outermost(RECURSIVE)) || target)
    }
    return found.map((place) => ({ place, scope: this.scope }))
  }

  private outermost(name: string): SchemaPlace | undefined {
    for (const resource of this.scope) {
      const place = this.compiler.documents.dynamic(resource, name)
      if (place) return place
    }
    return undefined
  }
}
