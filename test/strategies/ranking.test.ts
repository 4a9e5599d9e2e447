import { expect, test } from 'vitest'
import { createRandom } from '../../src/random.js'
import { Ranking } from '../../src/strategies/ranking.js'

const random = createRandom(4)
/** Scores with many equal ones and some that are impossible, in every order. */
const rows = [0.2, 5, 1000].flatMap((scale) => {
  const row = Float32Array.from({ length: 3000 }, () => Math.round(scale * (random() + random())) / 4)
  for (let i = 0; i < row.length; i += 7) row[i] = -Infinity
  return [row, row.toSorted(), row.toSorted().reverse()]
})

test.each([1, 2, 8, 16, 17, 50, 5000])(
  'the best %i are those of a full sort, of equals the first ones',
  (count) => {
    const ranking = new Ranking()
    for (const row of [...rows, new Float32Array(9).fill(-Infinity)]) {
      const sorted = [...row.keys()]
        .filter((i) => row[i] > -Infinity)
        .sort((a, b) => row[b] - row[a] || a - b)
      expect(ranking.read(row).top(count)).toEqual(sorted.slice(0, count))
    }
  },
)
