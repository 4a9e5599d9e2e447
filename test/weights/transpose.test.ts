import { expect, test } from 'vitest'
import { transpose } from '../../src/weights/index.js'

test.each([
  [1, 7],
  [32, 32],
  [33, 70],
  [100, 1],
])('[%i, %i] becomes its transpose', (rows, columns) => {
  const values = Uint16Array.from({ length: rows * columns }, (_, i) => i)
  const result = transpose(values, rows, columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      expect(result[column * rows + row]).toBe(values[row * columns + column])
    }
  }
})
