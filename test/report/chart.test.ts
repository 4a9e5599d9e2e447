import { describe, expect, test } from 'vitest'
import { UserError } from '../../src/errors.js'
import { lineChart, type Panel } from '../../src/report/chart.js'
import { linearScale, logScale } from '../../src/report/scale.js'
import { thin } from '../../src/report/thin.js'
import { seededRandom } from '../weights/files.js'

const chart = (...panels: Panel[]) => lineChart({ title: 'Chart', xLabel: 'step', panels })
const line = (name: string, ys: readonly number[], logY = false): Panel => ({
  yLabel: 'loss',
  logY,
  series: [{ name, points: ys.map((y, x) => ({ x, y })) }],
})

/** The points of a named line, in pixels. */
function drawn(svg: string, name: string): [number, number][] {
  const path = svg.match(new RegExp(`<title>${name}</title><path d="M([^"]+)"`))![1]
  return path.split('L').map((point) => point.split(' ').map(Number) as [number, number])
}

/** The size in the root element. */
function sizeOf(svg: string): [number, number] {
  const [, width, height] = svg.match(/viewBox="0 0 (\d+) (\d+)"/)!
  return [Number(width), Number(height)]
}

/** All text elements. */
const texts = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, content]) => content)

describe('lineChart', () => {
  test('keeps points within the axes, whatever their sizes', () => {
    const random = seededRandom(1)
    for (let round = 0; round < 100; round++) {
      const [size, offset] = [10 ** (12 * random() - 6), 10 ** (8 * random() - 4)]
      const ys = Array.from({ length: 50 }, () => offset + size * random())
      for (const logY of [false, true]) {
        const points = drawn(chart(line('a', ys, logY)), 'a')
        expect(points).toHaveLength(50)
        for (const [x, y] of points) {
          expect(x).toBeGreaterThanOrEqual(64)
          expect(x).toBeLessThanOrEqual(780)
          expect(y).toBeGreaterThanOrEqual(48)
          expect(y).toBeLessThanOrEqual(348)
        }
        expect(Math.min(...points.map(([x]) => x))).toBe(64)
        expect(Math.max(...points.map(([x]) => x))).toBe(780)
      }
    }
  })

  test('draws greater values higher, equal distances as equal, and equal ratios so on a log axis', () => {
    const [a, b, c] = drawn(chart(line('a', [1, 2, 3])), 'a').map(([, y]) => y)
    expect(a).toBeGreaterThan(b)
    expect(b - a).toBeCloseTo(c - b, 1)
    const [d, e, f] = drawn(chart(line('a', [1, 10, 100], true)), 'a').map(([, y]) => y)
    expect(e - d).toBeCloseTo(f - e, 1)
    expect(d).toBeGreaterThan(e)
  })

  test('skips what is not finite, and what a log axis cannot show', () => {
    expect(drawn(chart(line('a', [1, Number.NaN, 2, Infinity, -Infinity])), 'a')).toHaveLength(2)
    expect(drawn(chart(line('a', [1, 0, -1, 2], true)), 'a')).toHaveLength(2)
    expect(chart(line('a', [1, Number.NaN, 2]))).not.toMatch(/NaN|Infinity/)
  })

  test('draws one point, and equal values', () => {
    for (const ys of [[3], [0, 0], [5, 5, 5]]) {
      const svg = chart(line('a', ys))
      expect(svg).not.toMatch(/NaN|Infinity/)
      expect(drawn(svg, 'a')).toHaveLength(ys.length)
    }
  })

  test('escapes text', () => {
    const panels = [{ ...line('<b> & "c"\u0000', [1, 2]), yLabel: '</svg>' }]
    const svg = lineChart({ title: '1 < 2 & 3\ud800', xLabel: 'a\nb', panels })
    expect(texts(svg)).toEqual(expect.arrayContaining(['1 &lt; 2 &amp; 3\ufffd', 'a b', '&lt;/svg&gt;']))
    expect(svg).toContain('<title>&lt;b&gt; &amp; &quot;c&quot;\ufffd</title>')
    expect(svg.match(/<\/svg>/g)).toHaveLength(1)
  })

  test('is balanced and refers to nothing outside', () => {
    const svg = chart(line('a', [1, 2]), line('b', [3, 4]))
    const open: string[] = []
    for (const [, slash, name, own] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
      if (slash) expect(open.pop()).toBe(name)
      else if (!own) open.push(name)
    }
    expect(open).toEqual([])
    expect(svg).not.toMatch(/<script|href|@import|url\(/)
    expect(svg.match(/https?:[^"]*/g)).toEqual(['http://www.w3.org/2000/svg'])
    expect(svg).toContain('prefers-color-scheme:dark')
  })

  test('names the series of a panel that has several, each in a style of its own', () => {
    const names = Array.from({ length: 12 }, (_, i) => `series number ${i}`)
    const series = names.map((name, i) => ({ name, points: [{ x: 0, y: i }] }))
    const svg = chart({ yLabel: 'y', series })
    expect(texts(svg)).toEqual(expect.arrayContaining(names))
    const styles = names.map((name) => svg.match(`<g class="([^"]+)"><title>${name}</title>`)![1])
    expect(new Set(styles).size).toBe(12)
    expect(texts(chart(line('alone', [1])))).not.toContain('alone')
  })

  test('sets panels below one another over one x axis', () => {
    const upper = line('a', [1, 2, 3])
    const svg = chart(upper, line('b', [5, 9, 5]))
    const [a, b] = [drawn(svg, 'a'), drawn(svg, 'b')]
    expect(b.map(([x]) => x)).toEqual(a.map(([x]) => x))
    expect(Math.min(...b.map(([, y]) => y))).toBeGreaterThan(Math.max(...a.map(([, y]) => y)))
    expect(sizeOf(svg)[1]).toBeGreaterThan(sizeOf(chart(upper))[1])
  })

  test.each([
    ['no panel', []],
    ['no series', [{ yLabel: 'loss', series: [] }]],
    ['no points', [line('empty', [])]],
    ['no finite point', [line('broken', [Number.NaN, Infinity])]],
    ['nothing above 0 on a log axis', [line('negative', [0, -1], true)]],
    ['one empty series of two', [line('a', [1]), line('b', [])]],
  ])('refuses %s', (_, panels) => {
    expect(() => chart(...panels)).toThrow(UserError)
  })

  test('takes a million points', () => {
    const ys = Array.from({ length: 1e6 }, (_, i) => Math.sin(i / 1e5))
    expect(chart(line('a', ys)).length).toBeLessThan(60_000)
  })
})

/** Whether a number is 1, 2 or 5 times a power of ten. */
const isNice = (value: number) =>
  [1, 2, 5, 10].includes(Number((value / 10 ** Math.floor(Math.log10(value))).toPrecision(9)))

describe('scales', () => {
  const random = seededRandom(2)
  const extents = Array.from({ length: 500 }, (): [number, number] => {
    const low = (random() < 0.5 ? -1 : 1) * 10 ** (10 * random() - 5)
    return [low, low + Math.abs(low) * 10 ** (4 * random() - 2)]
  })

  test('that are linear have nice ticks around the values, or among them', () => {
    for (const extent of extents) {
      for (const extend of [true, false]) {
        const { ticks, position } = linearScale(extent, 6, extend)
        const steps = ticks.slice(1).map((tick, i) => tick - ticks[i])
        for (const step of steps) expect(step).toBeCloseTo(steps[0], 9)
        expect(steps.length === 0 || isNice(steps[0])).toBe(true)
        expect(ticks.length).toBeGreaterThanOrEqual(2)
        expect(ticks.length).toBeLessThanOrEqual(8)
        for (const at of [...ticks, ...extent].map(position)) {
          expect(at).toBeGreaterThan(-1e-6)
          expect(at).toBeLessThan(1 + 1e-6)
        }
      }
    }
  })

  test('that are logarithmic hold the values between nice ticks', () => {
    for (const [low, high] of extents.filter(([one]) => one > 0)) {
      const { ticks, position } = logScale([low, high], 6)
      if (high / low >= 3) expect(ticks.every(isNice)).toBe(true)
      expect(ticks.length).toBeGreaterThanOrEqual(2)
      expect(ticks.length).toBeLessThanOrEqual(9)
      expect(position(low)).toBeGreaterThan(-1e-6)
      expect(position(high)).toBeLessThan(1 + 1e-6)
      expect(position(Math.sqrt(low * high))).toBeCloseTo((position(low) + position(high)) / 2, 9)
    }
  })

  test('name their ticks in few characters', () => {
    const labels = ({ ticks, label }: ReturnType<typeof logScale>) => ticks.map(label)
    expect(labels(linearScale([0, 20_000], 4, true))).toEqual(['0', '5k', '10k', '15k', '20k'])
    expect(labels(linearScale([0, 0.3], 3, true))).toEqual(['0', '0.1', '0.2', '0.3'])
    expect(labels(linearScale([0, 1e-3], 2, true))).toEqual(['0', '5e-4', '1e-3'])
    expect(labels(linearScale([-2, 2], 4, true))).toEqual(['-2', '-1', '0', '1', '2'])
    expect(labels(logScale([1e-3, 1], 4))).toEqual(['1e-3', '0.01', '0.1', '1'])
    expect(labels(logScale([1, 1e6], 3))).toEqual(['1', '100', '10k', '1M'])
  })
})

describe('thin', () => {
  const random = seededRandom(3)
  const noise = Array.from({ length: 10_000 }, (_, i) => ({ x: (i * 700) / 10_000, y: random() }))

  test('keeps of each column of pixels the first, lowest, highest and last point, in order', () => {
    const thinned = thin(noise)
    expect(thinned.length).toBeLessThanOrEqual(4 * 700)
    for (let column = 0; column < 700; column++) {
      const all = noise.filter(({ x }) => Math.floor(x) === column)
      const kept = thinned.filter(({ x }) => Math.floor(x) === column)
      const ys = (points: typeof all) => points.map(({ y }) => y)
      expect([kept[0], kept.at(-1)]).toEqual([all[0], all.at(-1)])
      expect(Math.min(...ys(kept))).toBe(Math.min(...ys(all)))
      expect(Math.max(...ys(kept))).toBe(Math.max(...ys(all)))
    }
    expect(thinned).toEqual([...thinned].sort((a, b) => a.x - b.x))
  })

  test('leaves few points as they are', () => {
    const few = Array.from({ length: 100 }, (_, i) => ({ x: 7 * i, y: random() }))
    expect(thin(few)).toEqual(few)
  })
})
