import { expect, test } from 'vitest'
import { lineChart } from '../../src/report/chart.js'
import { stackCharts } from '../../src/report/stack.js'

const chart = (width: number) =>
  lineChart({
    title: 'A chart',
    xLabel: 'x',
    width,
    panels: [
      {
        yLabel: 'y',
        series: [
          {
            name: 'a',
            points: [
              { x: 0, y: 1 },
              { x: 1, y: 2 },
            ],
          },
        ],
      },
    ],
  })

test('charts lie below each other, as wide as the widest', () => {
  const [small, large] = [chart(300), chart(500)]
  const height = Number(/height="(\d+)"/.exec(small)![1])
  const stacked = stackCharts([small, large])
  const svgs = [...stacked.matchAll(/<svg [^>]*>/g)].map(([tag]) => tag)
  expect(svgs).toHaveLength(3)
  expect(svgs[0]).toContain(`width="500" height="${2 * height + 12}"`)
  expect(svgs[1]).toContain('y="0"')
  expect(svgs[2]).toContain(`y="${height + 12}"`)
  expect(stacked.match(/<\/svg>/g)).toHaveLength(3)
})

test('what is no chart is refused', () => {
  expect(() => stackCharts(['<p>'])).toThrow(RangeError)
})
