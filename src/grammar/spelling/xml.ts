import { jsonByte } from './bytes.js'
import { bytesText, type Reading, type Spelling } from './spelling.js'

/** An element that is open, or a list whose items are elements of one tag. */
interface Frame {
  /** The element's tag; bytes, one a character. */
  readonly tag: string
  /** `?` where its value has not begun, `s` for a string, `l` for a literal, `o` for an object, `a` for a list of items. */
  readonly kind: '?' | 's' | 'l' | 'o' | 'a'
  /** The tag of the list that is open in an object. */
  readonly list: string
}

type Mode =
  /** Content of the innermost element. */
  | 'content'
  /** After `<`; within the name of an opening tag; `/` of an empty element; text that is still to come. */
  | 'angle'
  | 'tag'
  | 'fixed'
  | 'entity'
  /** The root is closed. */
  | 'done'

interface XmlState {
  readonly mode: Mode
  readonly frames: readonly Frame[]
  /** Of a tag or entity: what was read; of fixed text: what is missing. */
  readonly part: string
  /** JSON of a tag's end. */
  readonly json: string
  /** Whether the tag being read is another item of the open list. */
  readonly isItem: boolean
}

type Readings = readonly Reading<XmlState>[]

/** The outermost element. */
const ROOT = 'data'
/** The element of an item in a list without a name. */
const ITEM = 'item'
const DEEPEST = 100

const NONE: Readings = []
const ENTITIES: Readonly<Record<string, string>> = {
  'amp;': '&',
  'lt;': '<',
  'gt;': '>',
  'quot;': '\\"',
  'apos;': "'",
  '#13;': '\\r',
}
const [TAB, NEWLINE, SPACE] = [0x09, 0x0a, 0x20]

/** Names that may be tags. */
const TAG = /^[A-Za-z_][\w.-]*$/

/**
 * JSON as XML without attributes and whitespace between elements: `<data>` holds the value; an object has an element for each field; a list is
 * its field's element again and again, or `<item>` where it has no field of its own. `<x/>` is null, or an empty list; `<x></x>` is an empty
 * text, or an object without fields. What can be read as a number, true or false is one where the schema allows it, and text otherwise.
 */
export class XmlSpelling implements Spelling<XmlState> {
  readonly start: XmlState = {
    mode: 'fixed',
    frames: [],
    part: `<${ROOT}>`,
    json: '',
    isItem: false,
  }
  private readonly names: readonly string[]

  /** @param names of fields in the schema: others, and those that are no names of XML, do not occur */
  constructor(names: Iterable<string>) {
    this.names = [...new Set(names)].filter((name) => TAG.test(name)).map(bytesText)
  }

  read(state: XmlState, byte: number): Readings {
    const character = String.fromCharCode(byte)
    const { mode, part } = state
    if (mode === 'fixed') return part[0] === character ? this.fixed({ ...state, part: part.slice(1) }) : NONE
    if (mode === 'content') return this.content(state, byte)
    if (mode === 'angle') return this.angle(state, character)
    if (mode === 'tag') return this.tag(state, character)
    return mode === 'entity' ? this.entity(state, part + character) : NONE
  }

  end({ mode }: XmlState): string | undefined {
    return mode === 'done' ? '' : undefined
  }

  key({ mode, frames, part, json, isItem }: XmlState): string {
    const open = frames.map(({ tag, kind, list }) => `${tag}${kind}${list}`).join('/')
    return `${mode} ${part} ${json} ${isItem} ${open}`
  }

  isFree({ mode, frames }: XmlState): boolean {
    return mode === 'content' && frames.at(-1)!.kind === 'l'
  }

  /** After a byte of text that can only come as it does. */
  private fixed(state: XmlState): Readings {
    if (state.part !== '') return to(state)
    if (state.frames.length > 0) return this.closed(state)
    return to({ ...state, mode: 'content', frames: [{ tag: ROOT, kind: '?', list: '' }] })
  }

  /** After the end of the innermost element. */
  private closed(state: XmlState): Readings {
    const frames = state.frames.slice(0, -1)
    const mode = frames.length === 0 ? 'done' : 'content'
    return to({ ...state, mode, frames, part: '', json: '', isItem: false }, state.json)
  }

  private content(state: XmlState, byte: number): Readings {
    const { kind } = state.frames.at(-1)!
    const character = String.fromCharCode(byte)
    if (character === '<') return to({ ...state, mode: 'angle' })
    if (kind === 'o' || kind === 'a') return NONE
    if (kind === 'l') return isLiteral(byte) ? to(state, character) : NONE
    const text = this.begun(state, 's')
    const quote = kind === '?' ? '"' : ''
    const literal = kind === '?' && isLiteral(byte) ? to(this.begun(state, 'l'), character) : NONE
    if (character === '&') return to({ ...text, mode: 'entity' }, quote)
    const isText = byte >= SPACE || byte === TAB || byte === NEWLINE
    return isText && character !== '>' ? [...literal, ...to(text, quote + jsonByte(byte))] : NONE
  }

  private angle(state: XmlState, character: string): Readings {
    const frame = state.frames.at(-1)!
    if (character === '/') {
      const closing = { ...state, mode: 'fixed' as const, part: `${frame.tag}>` }
      if (frame.kind === '?') return [...to(closing, '""'), ...to(closing, '{}')]
      const list = frame.list === '' ? '' : ']'
      return to(closing, { s: '"', l: '', o: `${list}}`, a: ']' }[frame.kind])
    }
    if (state.frames.length > DEEPEST || frame.kind === 's' || frame.kind === 'l') return NONE
    const tag = { ...state, mode: 'tag' as const, part: '' }
    const isItem = { ...tag, isItem: true }
    if (frame.kind === 'a') return this.tag({ ...isItem, json: ',' }, character)
    if (frame.kind === 'o') {
      const inList = frame.list === '' ? NONE : this.tag({ ...isItem, json: ',' }, character)
      const field = this.field(tag, character, `${frame.list === '' ? '' : ']'},"`)
      return [...inList, ...field]
    }
    return [
      ...this.field(this.begun(tag, 'o'), character, '{"'),
      ...this.tag({ ...this.begun(isItem, 'a'), json: '[' }, character),
    ]
  }

  /** The first byte of the tag of another field, whose list, if one was open, is closed. */
  private field(state: XmlState, character: string, json: string): Readings {
    const frames = state.frames.with(-1, { ...state.frames.at(-1)!, list: '' })
    return this.tag({ ...state, frames }, character).map((each) => ({ ...each, json: json + each.json }))
  }

  private tag(state: XmlState, character: string): Readings {
    const { frames, part, isItem, json } = state
    const frame = frames.at(-1)!
    const names = isItem ? [frame.kind === 'a' ? ITEM : frame.list] : this.names
    if (names.includes(part)) {
      if (character === '>') return this.opened(state)
      const empty = {
        ...state,
        mode: 'fixed' as const,
        part: '>',
        frames: [...frames, { tag: part, kind: '?' as const, list: '' }],
      }
      if (character === '/')
        return isItem
          ? [...to({ ...empty, json: `${json}null` }), ...to({ ...empty, json: `${json}[]` })]
          : [...to({ ...empty, json: '":null' }), ...to({ ...empty, json: '":[]' })]
    }
    const longer = part + character
    if (!names.some((name) => name.startsWith(longer))) return NONE
    return to({ ...state, part: longer }, isItem ? '' : character)
  }

  /** After an opening tag. */
  private opened({ frames, part, isItem, json }: XmlState): Readings {
    const content = (outer: readonly Frame[]): XmlState => ({
      mode: 'content',
      frames: [...outer, { tag: part, kind: '?', list: '' }],
      part: '',
      json: '',
      isItem: false,
    })
    if (isItem) return to(content(frames), json)
    const list = frames.with(-1, { ...frames.at(-1)!, list: part })
    return [...to(content(frames), '":'), ...to(content(list), '":[')]
  }

  private entity(state: XmlState, part: string): Readings {
    const character = ENTITIES[part]
    if (character !== undefined) return to({ ...state, mode: 'content', part: '' }, character)
    return Object.keys(ENTITIES).some((name) => name.startsWith(part)) ? to({ ...state, part }) : NONE
  }

  private begun(state: XmlState, kind: Frame['kind']): XmlState {
    return { ...state, frames: state.frames.with(-1, { ...state.frames.at(-1)!, kind }) }
  }
}

const to = (state: XmlState, json = ''): Readings => [{ state, json }]

/** A byte of a number, true or false; the JSON tells what is one. */
function isLiteral(byte: number): boolean {
  const character = String.fromCharCode(byte)
  return (byte >= 0x30 && byte <= 0x39) || '+-.eEtrufals'.includes(character)
}
