import { type Dialect, dialectOf, hasKeyword, LOOSE, subschemas } from './dialect.js'
import { SchemaError } from './errors.js'
import { isArray, isObject, type Json, type JsonObject } from './json.js'

/** A schema with a URI of its own: a document, or a part of one that has an `$id`. */
export interface Resource {
  readonly uri: string
  readonly dialect: Dialect
  readonly root: Json
  /** The document's place for messages, where it is not the one that the user gave. */
  readonly document: string
  readonly anchors: Map<string, JsonObject>
  readonly dynamicAnchors: Map<string, JsonObject>
}

/** A schema in its document. */
export interface SchemaPlace {
  readonly schema: JsonObject | boolean
  readonly resource: Resource
  /** Its JSON pointer in the document, as a fragment. */
  readonly pointer: string
}

/** The base of a schema without a URI. */
const NAMELESS = 'schema:///'

/** The name under which `$recursiveAnchor` is among the dynamic anchors; no anchor of 2020-12 is empty. */
export const RECURSIVE = ''

/** Schema documents, and what their references lead to. Nothing is loaded but from the map of remote documents. */
export class Documents {
  readonly root: SchemaPlace
  private readonly resources = new Map<string, Resource>()
  private readonly places = new Map<JsonObject, SchemaPlace>()
  private readonly remotes: ReadonlyMap<string, Json>

  /** @param remotes by URI */
  constructor(
    schema: Json,
    remotes: ReadonlyMap<string, Json>,
    private readonly warn: (pointer: string, text: string) => void,
  ) {
    this.remotes = new Map(
      [...remotes].map(([uri, value]) => [absolute(uri, NAMELESS)?.split('#')[0] ?? uri, value]),
    )
    this.root = this.addDocument(schema, NAMELESS, '', LOOSE)
  }

  /** Whether any schema has an anchor that depends on how it is reached. */
  isDynamic(resource: Resource): boolean {
    return resource.dynamicAnchors.size > 0
  }

  /** The place of a schema inside that of `parent`. */
  inside(parent: SchemaPlace, steps: readonly string[], schema: Json): SchemaPlace {
    const pointer = parent.pointer + steps.map((step) => `/${escaped(step)}`).join('')
    if (typeof schema === 'boolean') return { schema, resource: parent.resource, pointer }
    if (!isObject(schema)) throw new SchemaError(pointer, 'a schema is an object, true or false')
    const known = this.places.get(schema)
    if (known) return known
    const place = { schema, resource: parent.resource, pointer }
    this.places.set(schema, place)
    return place
  }

  /** @throws SchemaError for a reference that leads nowhere */
  resolve(from: SchemaPlace, reference: string): SchemaPlace {
    const target = absolute(reference, from.resource.uri)
    if (target === undefined)
      throw new SchemaError(from.pointer, `the reference ${JSON.stringify(reference)} is no URI`)
    const [uri, fragment = ''] = target.split('#')
    const resource = this.resourceOf(uri, from)
    if (!resource) {
      const { draft } = from.resource.dialect
      const [definitions, id] = [draft < 2019 ? 'definitions' : '$defs', draft === 4 ? 'id' : '$id']
      const name = JSON.stringify(uri.startsWith(NAMELESS) ? uri.slice(NAMELESS.length) : uri)
      const remedy = `put that document under "${definitions}" of the schema, with "${id}": ${name}`
      throw new SchemaError(
        from.pointer,
        `the reference ${JSON.stringify(reference)} leads to another document: ${remedy}`,
      )
    }
    const name = decoded(fragment)
    if (name === '' || name.startsWith('/')) return this.pointed(from, resource, name, reference)
    const anchored = resource.anchors.get(name)
    if (!anchored)
      throw new SchemaError(from.pointer, `no schema has the anchor ${JSON.stringify(reference)}`)
    return this.places.get(anchored)!
  }

  /** The place that a dynamic anchor marks in a resource. */
  dynamic(resource: Resource, name: string): SchemaPlace | undefined {
    const schema = resource.dynamicAnchors.get(name)
    return schema && this.places.get(schema)
  }

  private pointed(from: SchemaPlace, resource: Resource, pointer: string, reference: string): SchemaPlace {
    let value: Json | undefined = resource.root
    let place = isObject(value) ? this.places.get(value)! : { schema: value === true, resource, pointer: '#' }
    let steps: string[] = []
    for (const step of pointer.split('/').slice(1)) {
      const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
      value = isObject(value)
        ? value.get(key)
        : isArray(value) && /^\d+$/.test(key)
          ? value[Number(key)]
          : undefined
      if (value === undefined)
        throw new SchemaError(from.pointer, `the reference ${JSON.stringify(reference)} leads nowhere`)
      steps.push(key)
      const known = isObject(value) && this.places.get(value)
      if (!known) continue
      place = known
      steps = []
    }
    if (steps.length === 0) return place
    const found = this.inside(place, steps, value)
    if (isObject(found.schema)) this.index(found.schema, found.resource, found.pointer)
    return this.places.get(value as JsonObject) ?? found
  }

  private resourceOf(uri: string, from: SchemaPlace): Resource | undefined {
    const known = this.resources.get(uri)
    if (known) return known
    const document = this.remotes.get(uri)
    if (document === undefined) return undefined
    const { resource } = this.addDocument(document, uri, uri, from.resource.dialect)
    this.resources.set(uri, resource)
    return resource
  }

  private addDocument(root: Json, uri: string, document: string, dialect: Dialect): SchemaPlace {
    const pointer = `${document}#`
    if (typeof root === 'boolean') {
      const resource = this.addResource(root, uri, document, dialect)
      return { schema: root, resource, pointer }
    }
    if (!isObject(root)) throw new SchemaError(pointer, 'a schema is an object, true or false')
    const named = root.get('$schema')
    const own =
      typeof named === 'string' ? dialectOf(named, (name) => this.remotes.get(name.split('#')[0])) : undefined
    if (typeof named === 'string' && !own)
      this.warn(pointer, `the dialect ${named} is not known, and 2020-12 is taken for it`)
    const resource = this.addResource(root, uri, document, own ?? dialect)
    this.index(root, resource, pointer)
    return this.places.get(root)!
  }

  private addResource(root: Json, uri: string, document: string, dialect: Dialect): Resource {
    const anchors = new Map<string, JsonObject>()
    const resource = { uri, dialect, root, document, anchors, dynamicAnchors: new Map<string, JsonObject>() }
    if (!this.resources.has(uri)) this.resources.set(uri, resource)
    return resource
  }

  /** Notes a schema and those inside it, with the URIs and anchors that they declare. */
  private index(schema: JsonObject, outer: Resource, pointer: string): void {
    if (this.places.has(schema) && this.places.get(schema)!.resource !== outer) return
    const resource = this.identified(schema, outer, pointer)
    this.places.set(schema, { schema, resource, pointer })
    const text = (keyword: string) => {
      const value = hasKeyword(resource.dialect, keyword) ? schema.get(keyword) : undefined
      return typeof value === 'string' ? value : undefined
    }
    const anchor = text('$anchor')
    const dynamicAnchor = text('$dynamicAnchor')
    for (const name of [anchor, dynamicAnchor]) if (name !== undefined) resource.anchors.set(name, schema)
    if (dynamicAnchor !== undefined) resource.dynamicAnchors.set(dynamicAnchor, schema)
    if (
      schema === resource.root &&
      resource.dialect.draft === 2019 &&
      schema.get('$recursiveAnchor') === true
    )
      resource.dynamicAnchors.set(RECURSIVE, schema)
    for (const [steps, part] of subschemas(schema)) {
      const inner = pointer + steps.map((step) => `/${escaped(step)}`).join('')
      if (isObject(part)) this.index(part, resource, inner)
    }
  }

  /** The resource that a schema belongs to: one of its own where it has an identifier. */
  private identified(schema: JsonObject, outer: Resource, pointer: string): Resource {
    const { draft } = outer.dialect
    const id = schema.get(draft === 4 ? 'id' : '$id')
    if (typeof id !== 'string' || (draft <= 7 && schema.has('$ref'))) return outer
    if (draft <= 7 && id.startsWith('#')) {
      outer.anchors.set(id.slice(1), schema)
      return outer
    }
    const [uri] = absolute(id, outer.uri)?.split('#') ?? []
    if (uri === undefined) {
      this.warn(pointer, `the identifier ${JSON.stringify(id)} is no URI, and is passed over`)
      return outer
    }
    const named = schema === outer.root ? undefined : schema.get('$schema')
    const own =
      typeof named === 'string' ? dialectOf(named, (name) => this.remotes.get(name.split('#')[0])) : undefined
    return this.addResource(schema, uri, outer.document, own ?? outer.dialect)
  }
}

function absolute(reference: string, base: string): string | undefined {
  try {
    return new URL(reference, base).href
  } catch {
    return undefined
  }
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return fragment
  }
}

function escaped(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1')
}
