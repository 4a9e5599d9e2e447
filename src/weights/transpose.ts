/** Rows and columns of a tile: its lines stay in the cache while it is written column by column. */
const TILE = 32

/** [rows, columns] as [columns, rows]. */
export function transpose<A extends Float32Array | Uint16Array>(values: A, rows: number, columns: number): A {
  const result = new (values.constructor as new (length: number) => A)(values.length)
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(top + TILE, rows)
    for (let left = 0; left < columns; left += TILE) {
      const right = Math.min(left + TILE, columns)
      for (let column = left; column < right; column++) {
        for (let row = top; row < bottom; row++) result[column * rows + row] = values[row * columns + column]
      }
    }
  }
  return result
}
