import { describe, expect, it } from 'vitest'
import { DEAD } from '../../../src/grammar/automaton.js'
import { Regexes } from '../../../src/grammar/regex/nodes.js'
import { type NumberRange, type NumberSpelling, numberLanguage } from '../../../src/grammar/regex/numbers.js'
import { RegexAutomaton } from '../../../src/grammar/regex/regex-automaton.js'
import { createRandom } from '../../../src/random.js'
import { pick } from './random-regex.js'
import { accepts, walk } from './walk.js'

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** A JSON number as coefficient and power of ten. */
function exact(text: string): readonly [bigint, number] {
  const [, digits, fraction = '', power = '0'] = /^(-?\d+)(?:\.(\d+))?(?:[eE](.+))?$/.exec(text)!
  return [BigInt((digits + fraction).replace(/^-(0+)$/, '$1')), Number(power) - fraction.length]
}

/** Digits after the point, before an exponent. */
function places(text: string): number {
  return /\.(\d+)/.exec(text)?.[1].length ?? 0
}

/** Both numbers as integers of one unit. */
function aligned(a: string, b: string): readonly [bigint, bigint] {
  const [x, y] = [exact(a), exact(b)]
  const unit = Math.min(x[1], y[1])
  return [x[0] * 10n ** BigInt(x[1] - unit), y[0] * 10n ** BigInt(y[1] - unit)]
}

function within(text: string, range: NumberRange): boolean {
  const compare = (bound: string | undefined, test: (a: bigint, b: bigint) => boolean) =>
    bound === undefined || test(...aligned(text, bound))
  return (
    compare(range.minimum, (a, b) => a >= b) &&
    compare(range.maximum, (a, b) => a <= b) &&
    compare(range.exclusiveMinimum, (a, b) => a > b) &&
    compare(range.exclusiveMaximum, (a, b) => a < b) &&
    [...(range.multipleOf ?? []), ...(range.integer ? ['1'] : [])].every((multiple) =>
      compare(multiple, (a, b) => a % b === 0n),
    )
  )
}

function automaton(range: NumberRange, spelling: NumberSpelling = {}): RegexAutomaton {
  const regexes = new Regexes()
  return new RegexAutomaton(regexes, numberLanguage(regexes, range, spelling))
}

describe('numberLanguage', () => {
  it('agrees with exact arithmetic', () => {
    const random = createRandom(5)
    const digits = (count: number) =>
      Array.from({ length: count }, () => pick(random, ['0', '0', '1', '5', '9', '7'])).join('')
    const number = () => {
      const whole = random() < 0.3 ? '0' : pick(random, ['1', '2', '9']) + digits(Math.floor(random() * 4))
      return (
        pick(random, ['', '', '-']) + whole + pick(random, ['', `.${digits(1 + Math.floor(random() * 3))}`])
      )
    }
    const multiples = ['1', '2', '3', '7', '25', '100', '0.01', '0.5', '0.25', '0.3', '1e2', '1e-3', '12345']
    let members = 0
    for (let i = 0; i < 120; i++) {
      const range: NumberRange = {
        [pick(random, ['minimum', 'exclusiveMinimum', ''])]: number(),
        [pick(random, ['maximum', 'exclusiveMaximum', ''])]: number(),
        multipleOf: random() < 0.3 ? [pick(random, multiples), pick(random, multiples)] : undefined,
        integer: random() < 0.4,
      }
      const anySpelling = random() < 0.2
      const numbers = automaton(range, { anySpelling })
      const bounds = [range.minimum, range.maximum, range.exclusiveMinimum, range.exclusiveMaximum].filter(
        (bound) => bound !== undefined,
      )
      const free = bounds.length === 0 && !range.integer && !range.multipleOf
      const texts = [
        '0',
        '-0',
        '-0.0',
        '00',
        '-',
        '1.',
        '.5',
        '1e',
        ...bounds,
        ...bounds.map((bound) => (bound.includes('.') ? `${bound}01` : `${bound}.0`)),
      ]
      for (let j = 0; j < 15; j++)
        texts.push(number() + (random() < 0.3 ? pick(random, ['e0', 'E+2', 'e-03', 'e7']) : ''))
      if (numbers.start !== DEAD) texts.push(Buffer.from(numbers.completion(numbers.start)).toString())
      for (const text of texts) {
        const context = `${text} by ${JSON.stringify(range)}${anySpelling ? ', any spelling' : ''}`
        const valid = NUMBER.test(text) && within(text, range)
        const accepted = accepts(numbers, text)
        // Without any spelling, multiples are written with the digits that they need, and numbers with bounds have no exponent.
        const spelt =
          anySpelling ||
          (!(/e/i.test(text) && !free) && !(text.includes('.') && (range.integer || range.multipleOf)))
        if (accepted) members++
        if (spelt) expect(accepted, context).toBe(valid)
        else if (accepted) expect(valid, context).toBe(true)
        const state = walk(numbers, text)
        if (state === DEAD) continue
        const whole = text + Buffer.from(numbers.completion(state)).toString()
        expect(NUMBER.test(whole) && within(whole, range), `${context}: ${whole}`).toBe(true)
      }
    }
    expect(members).toBeGreaterThan(400)
  })

  it('agrees with exact arithmetic in any spelling, exponents from -20 to 20 included', () => {
    const random = createRandom(7)
    const digits = (count: number) =>
      Array.from({ length: count }, () => pick(random, ['0', '0', '1', '5', '9'])).join('')
    const number = () =>
      pick(random, ['', '', '-']) +
      (random() < 0.4 ? '0' : pick(random, ['1', '2', '9']) + digits(Math.floor(random() * 4))) +
      pick(random, ['', `.${digits(1 + Math.floor(random() * 4))}`])
    /** The same number with its point moved. */
    const respelt = (text: string, power: number) => {
      const [coefficient, unit] = exact(text)
      const [size, places] = [`${coefficient < 0n ? -coefficient : coefficient}`, power - unit]
      const padded = size.padStart(places + 1, '0')
      const whole = places <= 0 ? size + '0'.repeat(-places) : padded.slice(0, -places)
      const point = places <= 0 ? '' : `.${padded.slice(-places)}`
      return `${coefficient < 0n ? '-' : ''}${whole.replace(/^0+(?=\d)/, '')}${point}e${power}`
    }
    let members = 0
    for (let i = 0; i < 150; i++) {
      const value = number()
      const range: NumberRange =
        random() < 0.2
          ? { minimum: value, maximum: value }
          : {
              [pick(random, ['minimum', 'exclusiveMinimum'])]: number(),
              [pick(random, ['maximum', 'exclusiveMaximum', ''])]: number(),
              multipleOf:
                random() < 0.4
                  ? [pick(random, ['1', '100', '0.01', '1e-3', '1e3', '1e25', '1e-25'])]
                  : undefined,
              integer: random() < 0.3,
            }
      const bounds = [range.minimum, range.maximum, range.exclusiveMinimum, range.exclusiveMaximum].filter(
        (bound) => bound !== undefined,
      )
      const numbers = automaton(range, { anySpelling: true })
      const texts = [...bounds, ...Array.from({ length: 15 }, number)]
      const spelt = texts.flatMap((text) =>
        [-22, -20, -7, -1, 0, 1, 6, 20, 21].map((power) => respelt(text, power)),
      )
      for (const text of [...texts, ...spelt]) {
        const context = `${text} by ${JSON.stringify(range)}`
        const isNear = /^-?[0.]+(?:e|$)/.test(text) || Math.abs(exact(text)[1] + places(text)) <= 20
        const accepted = accepts(numbers, text)
        if (accepted) members++
        expect(accepted, context).toBe(isNear && within(text, range))
      }
    }
    expect(members).toBeGreaterThan(2_000)
  })

  it.each<[NumberRange, NumberSpelling, string[], string[]]>([
    [{}, {}, ['0', '-1.5e-10', '1E+99', '1.0'], ['01', '+1', '1E+999', '1e309', '1e1000', '1.']],
    [{}, { anySpelling: true }, ['1e00001000'], ['1e']],
    [{ integer: true }, {}, ['0', '-12', '-0'], ['1.0', '1e2']],
    [{ integer: true }, { anySpelling: true }, ['1.0', '1e2', '1.50e1', '100e-2'], ['1.5', '1e-1', '1.5e0']],
    [{ integer: true }, { anySpelling: true, digitsOnly: true }, ['1'], ['1.0', '1e2']],
    [{ minimum: '1.5' }, {}, ['1.5', '1.50', '2'], ['1.49', '1', '-2']],
    [{ minimum: '0.5', maximum: '3.5', integer: true }, {}, ['1', '3'], ['0', '4']],
    [{ exclusiveMinimum: '0' }, {}, ['0.001', '1'], ['0', '-0', '0.0']],
    [
      { minimum: '-9007199254740993', maximum: '9007199254740993' },
      {},
      ['9007199254740993', '-9007199254740993'],
      ['9007199254740994'],
    ],
    [{ minimum: '1e20', integer: true }, {}, ['100000000000000000000'], ['99999999999999999999']],
    [{ multipleOf: ['0.01'] }, {}, ['1', '1.5', '-0.01', '0.07'], ['0.001', '1.000']],
    [{ multipleOf: ['0.01'] }, { anySpelling: true }, ['1.000', '1.5e-1', '700e-4'], ['1e-3', '0.015']],
    [{ multipleOf: ['4', '6'] }, {}, ['0', '12', '-24'], ['4', '6', '18']],
    // A first digit from which multiples are only far away.
    [{ minimum: '100000', multipleOf: ['999983'] }, {}, ['999983', '50999133'], ['999984', '0']],
    [
      { maximum: '100000000005', minimum: '99999999990', multipleOf: ['7777777'], integer: true },
      {},
      [],
      ['0', '99999999999'],
    ],
  ])('%j, spelt %j', (range, spelling, members, others) => {
    const numbers = automaton(range, spelling)
    for (const text of members) expect(accepts(numbers, text), text).toBe(true)
    for (const text of others) expect(accepts(numbers, text), text).toBe(false)
    if (members.length === 0) expect(numbers.start).toBe(DEAD)
  })

  it('knows at every digit whether a multiple can still be reached', () => {
    const numbers = automaton({ minimum: '140', maximum: '155', multipleOf: ['50'] })
    expect([...'0123456789'].filter((digit) => walk(numbers, digit) !== DEAD)).toEqual(['1'])
    expect([...'0123456789.'].filter((digit) => walk(numbers, `1${digit}`) !== DEAD)).toEqual(['5'])
  })

  it('refuses what is no number and multiples that are not above 0', () => {
    expect(() => automaton({ minimum: 'x' })).toThrow('is not a number')
    expect(() => automaton({ multipleOf: ['0'] })).toThrow('must be above 0')
    expect(() => automaton({ maximum: '1e100000' })).toThrow('more than 2000 digits')
  })
})
