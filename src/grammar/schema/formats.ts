import { parseRegex } from '../regex/parse.js'
import type { CharacterRegex } from '../regex/syntax.js'

// Regular expressions that match whole strings of a format.

const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const ipv4 = `(?:${octet}\\.){3}${octet}`
const h16 = '[\\da-fA-F]{1,4}'
const ls32 = `(?:${h16}:${h16}|${ipv4})`
const ipv6 = [
  `(?:${h16}:){6}${ls32}`,
  `::(?:${h16}:){5}${ls32}`,
  ...[0, 1, 2, 3, 4].map(
    (n) => `(?:(?:${h16}:){0,${n}}${h16})?::${n < 4 ? `(?:${h16}:){${4 - n}}` : ''}${ls32}`,
  ),
  `(?:(?:${h16}:){0,5}${h16})?::${h16}`,
  `(?:(?:${h16}:){0,6}${h16})?::`,
].join('|')

// RFC 3339; the leap days of the Gregorian calendar.
const leapYear = '(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)'
const date = `(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))|${leapYear}-02-29)`
const fraction = '(?:\\.\\d+)?'
const hour = '(?:[01]\\d|2[0-3])'
const minute = '[0-5]\\d'
const offset = `(?:[zZ]|[+-]${hour}:${minute})`

/** Minutes of the offsets that are in use. */
const OFFSET_MINUTES = [0, 15, 30, 45]

/** A leap second comes at 23:59:60 in UTC, which an offset moves on the clock: for each clock two offsets. */
function leapSeconds(): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const offsets = new Map([['23:59', '[zZ]']])
  for (const minutes of OFFSET_MINUTES)
    for (let hours = 0; hours < 24; hours++)
      for (const sign of [1, -1]) {
        const minute = 23 * 60 + 59 + sign * (hours * 60 + minutes) + 24 * 60
        const clock = `${two(Math.floor(minute / 60) % 24)}:${two(minute % 60)}`
        const offset = `${sign > 0 ? '\\+' : '-'}${two(hours)}:${two(minutes)}`
        const others = offsets.get(clock)
        offsets.set(clock, others === undefined ? offset : `${others}|${offset}`)
      }
  return [...offsets].map(([clock, each]) => `${clock}:60${fraction}(?:${each})`).join('|')
}

const time = `(?:${hour}:${minute}:${minute}${fraction}${offset}|${leapSeconds()})`

const duration = (() => {
  const clockPart = '(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S)'
  const datePart = '(?:\\d+D|\\d+M(?:\\d+D)?|\\d+Y(?:\\d+M(?:\\d+D)?)?)'
  return `P(?:${datePart}(?:T${clockPart})?|T${clockPart}|\\d+W)`
})()

// RFC 5321 and 6531, without quoted local parts.
function mailGrammar(extra: string) {
  const end = `[a-zA-Z\\d${extra}]`
  const label = `${end}(?:[a-zA-Z\\d${extra}-]{0,61}${end})?`
  const atom = `[a-zA-Z\\d!#$%&'*+/=?^_\`{|}~${extra}-]+`
  const hostname = `(?=.{1,253}$)${label}(?:\\.${label})*`
  return { hostname, email: `${atom}(?:\\.${atom})*@(?:${label}\\.)+${label}` }
}

const { hostname, email } = mailGrammar('')
/** Characters beyond ASCII without controls, spaces and private ones. */
const visible =
  '\\u00a1-\\u167f\\u1681-\\u1fff\\u2010-\\u2027\\u2030-\\u205e\\u2070-\\u2fff\\u3001-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\ufefe\\uff00-\\uffef\\u{10000}-\\u{dffff}'

// RFC 3986 and 3987.
function uriGrammar(extra: string) {
  const unreserved = `a-zA-Z\\d\\-._~${extra}`
  const escaped = '%[\\da-fA-F]{2}'
  const sub = "!$&'()*+,;="
  const pchar = `(?:[${unreserved}${sub}:@]|${escaped})`
  const segment = `${pchar}*`
  const userinfo = `(?:[${unreserved}${sub}:]|${escaped})*@`
  const host = `(?:\\[(?:${ipv6}|[vV][\\da-fA-F]+\\.[a-zA-Z\\d\\-._~${sub}:]+)\\]|(?:[${unreserved}${sub}]|${escaped})*)`
  const authority = `(?:${userinfo})?${host}(?::\\d*)?`
  const absolute = `/(?:${pchar}+(?:/${segment})*)?`
  const rootless = `${pchar}+(?:/${segment})*`
  const first = `(?:[${unreserved}${sub}@]|${escaped})+`
  const tail = `(?:\\?(?:${pchar}|[/?])*)?(?:#(?:${pchar}|[/?])*)?`
  const hierarchy = `(?://${authority}(?:/${segment})*|${absolute}|${rootless}|)`
  const uri = `[a-zA-Z][a-zA-Z\\d+\\-.]*:${hierarchy}${tail}`
  const relative = `(?://${authority}(?:/${segment})*|${absolute}|${first}(?:/${segment})*|)${tail}`
  return { uri, reference: `(?:${uri}|${relative})` }
}

const ascii = uriGrammar('')
const unicode = uriGrammar('\\u00a0-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\uffef\\u{10000}-\\u{10ffff}')

// RFC 6901 and 6570.
const pointer = '(?:/(?:[^~/]|~[01])*)*'
const variable =
  '(?:[a-zA-Z\\d_]|%[\\da-fA-F]{2})+(?:\\.?(?:[a-zA-Z\\d_]|%[\\da-fA-F]{2})+)*(?::[1-9]\\d{0,3}|\\*)?'
const uriTemplate = `(?:[^\\x00-\\x20"'<>%\\\\^\`{|}]|%[\\da-fA-F]{2}|\\{[+#./;?&=,!@|]?${variable}(?:,${variable})*\\})*`

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': `${date}[tT ]${time}`,
  date,
  time,
  duration,
  email,
  'idn-email': mailGrammar(visible).email,
  hostname,
  ipv4,
  ipv6: `(?:${ipv6})`,
  uri: ascii.uri,
  'uri-reference': ascii.reference,
  iri: unicode.uri,
  'iri-reference': unicode.reference,
  uuid: '[\\da-fA-F]{8}(?:-[\\da-fA-F]{4}){3}-[\\da-fA-F]{12}',
  'json-pointer': pointer,
  'relative-json-pointer': `(?:0|[1-9]\\d*)(?:#|${pointer})`,
  'uri-template': uriTemplate,
}

const parsed = new Map<string, CharacterRegex>()

/** A regular expression of the strings of a format; undefined for one that is not known. */
export function regexOfFormat(format: string): CharacterRegex | undefined {
  if (!Object.hasOwn(FORMATS, format)) return undefined
  let regex = parsed.get(format)
  if (!regex) {
    regex = parseRegex(FORMATS[format])
    parsed.set(format, regex)
  }
  return regex
}
