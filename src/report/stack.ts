const GAP = 12

/**
 * Charts below each other as one SVG document.
 * @param charts documents of `lineChart`
 */
export function stackCharts(charts: readonly string[]): string {
  let [width, height] = [0, 0]
  const placed = charts.map((chart) => {
    const [, own, tall] = /^<svg [^>]*?width="(\d+)" height="(\d+)"/.exec(chart)?.map(Number) ?? []
    if (own === undefined) throw new RangeError('Only charts can be put below each other.')
    const top = height === 0 ? 0 : height + GAP
    width = Math.max(width, own)
    height = top + tall
    return chart.trimEnd().replace('<svg ', `<svg y="${top}" `)
  })
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`
  return `${[head, ...placed, '</svg>'].join('\n')}\n`
}
