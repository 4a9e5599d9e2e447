/** Python's `datetime.strftime` of a date without a time zone, in the C locale, as glibc does it. */
export function strftime(date: Date, format: string): string {
  return format.replace(
    /%([-_0^#]*)(\d*)([EO]?)([a-zA-Z%+])/g,
    (directive, flags: string, width: string, _, letter) => {
      const found = DIRECTIVES[letter]
      if (!found) return directive
      const { text, fill } = found(date)
      return laidOut(text, flags, width, fill)
    },
  )
}

interface Written {
  readonly text: string
  /** What a number is filled up with to its width; undefined for words. */
  readonly fill: { readonly character: string; readonly width: number } | undefined
}

function laidOut(text: string, flags: string, width: string, fill: Written['fill']): string {
  const last = /[-_0](?=[\^#]*$)/.exec(flags)?.[0]
  let written = text
  if (fill) {
    const character = last === '_' ? ' ' : last === '0' ? '0' : fill.character
    written = last === '-' ? text : text.padStart(Math.max(fill.width, Number(width)), character)
  } else if (width) written = text.padStart(Number(width), last === '0' ? '0' : ' ')
  if (flags.includes('^')) return written.toUpperCase()
  if (flags.includes('#')) return /^[AP]M$/.test(written) ? written.toLowerCase() : written.toUpperCase()
  return written
}

type Directive = (date: Date) => Written

const number =
  (width: number, of: (date: Date) => number, character = '0'): Directive =>
  (date) => ({ text: String(of(date)), fill: { character, width } })
const word =
  (of: (date: Date) => string): Directive =>
  (date) => ({ text: of(date), fill: undefined })
const composed = (format: string) => word((date) => strftime(date, format))

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
)
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const DAY = 86_400_000

/** Days since the first of January. */
function dayOfYear(date: Date): number {
  const midnight = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate())
  return Math.round((midnight - Date.UTC(date.getFullYear(), 0, 1)) / DAY)
}

/** Weeks of the year whose first begins with its first `firstDay` (0: Sunday). */
function week(date: Date, firstDay: number): number {
  return Math.floor((dayOfYear(date) + 7 - ((date.getDay() + 7 - firstDay) % 7)) / 7)
}

/** The week of ISO 8601, which belongs to the year of its Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 4 - (date.getDay() || 7))
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 }
}

const hour12 = (date: Date) => ((date.getHours() + 11) % 12) + 1
const half = (date: Date) => (date.getHours() < 12 ? 'AM' : 'PM')

const DIRECTIVES: Readonly<Record<string, Directive>> = {
  Y: number(1, (date) => date.getFullYear()),
  // glibc fills no zero up here.
  C: number(1, (date) => Math.floor(date.getFullYear() / 100)),
  y: number(2, (date) => date.getFullYear() % 100),
  G: number(1, (date) => isoWeek(date).year),
  g: number(2, (date) => isoWeek(date).year % 100),
  m: number(2, (date) => date.getMonth() + 1),
  d: number(2, (date) => date.getDate()),
  e: number(2, (date) => date.getDate(), ' '),
  j: number(3, (date) => dayOfYear(date) + 1),
  U: number(2, (date) => week(date, 0)),
  W: number(2, (date) => week(date, 1)),
  V: number(2, (date) => isoWeek(date).week),
  u: number(1, (date) => date.getDay() || 7),
  w: number(1, (date) => date.getDay()),
  H: number(2, (date) => date.getHours()),
  k: number(2, (date) => date.getHours(), ' '),
  I: number(2, hour12),
  l: number(2, hour12, ' '),
  M: number(2, (date) => date.getMinutes()),
  S: number(2, (date) => date.getSeconds()),
  s: number(1, (date) => Math.floor(date.getTime() / 1000)),
  f: word((date) => `${String(date.getMilliseconds()).padStart(3, '0')}000`),
  B: word((date) => MONTHS[date.getMonth()]),
  b: word((date) => MONTHS[date.getMonth()].slice(0, 3)),
  h: word((date) => MONTHS[date.getMonth()].slice(0, 3)),
  A: word((date) => DAYS[date.getDay()]),
  a: word((date) => DAYS[date.getDay()].slice(0, 3)),
  p: word(half),
  P: word((date) => half(date).toLowerCase()),
  c: composed('%a %b %e %H:%M:%S %Y'),
  x: composed('%m/%d/%y'),
  D: composed('%m/%d/%y'),
  X: composed('%H:%M:%S'),
  T: composed('%H:%M:%S'),
  F: composed('%Y-%m-%d'),
  R: composed('%H:%M'),
  r: composed('%I:%M:%S %p'),
  n: word(() => '\n'),
  t: word(() => '\t'),
  // A date without a time zone has neither.
  z: word(() => ''),
  Z: word(() => ''),
  '%': word(() => '%'),
}
