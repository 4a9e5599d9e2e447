/** A point of a drawing, in pixels. */
export interface Pixel {
  readonly x: number
  readonly y: number
}

/**
 * Leaves out points that a line through the others covers: of neighbours in one column of pixels the first, the
 * lowest, the highest and the last stay (M4, Jugel et al. 2014), so that no extreme is lost.
 */
export function thin(points: readonly Pixel[]): Pixel[] {
  const kept: Pixel[] = []
  for (let start = 0; start < points.length; ) {
    const column = Math.floor(points[start].x)
    let [low, high, end] = [start, start, start]
    for (; end < points.length && Math.floor(points[end].x) === column; end++) {
      if (points[end].y < points[low].y) low = end
      if (points[end].y > points[high].y) high = end
    }
    const stay = new Set([start, Math.min(low, high), Math.max(low, high), end - 1])
    for (const index of stay) kept.push(points[index])
    start = end
  }
  return kept
}
