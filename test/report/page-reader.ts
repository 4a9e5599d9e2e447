/** A cell of a table as it is shown. */
export interface ShownCell {
  readonly text: string
  /** What it is sorted by. */
  readonly value: string | undefined
}

export interface ShownTable {
  readonly headings: readonly string[]
  readonly rows: readonly (readonly ShownCell[])[]
}

/** A table of a page by its id, as a reader sees it. */
export function readTable(page: string, id: string): ShownTable {
  const table = page.match(new RegExp(`<table id="${id}"[\\s\\S]*?</table>`))![0]
  const [head, body] = table.split('</thead>')
  return {
    headings: [...head.matchAll(/<th[^>]*>([\s\S]*?)<\/th>/g)].map(([, content]) => textOf(content)),
    rows: [...body.matchAll(/<tr[^>]*>([\s\S]*?)<\/tr>/g)].map(([, row]) =>
      [...row.matchAll(/<t[hd]([^>]*)>([\s\S]*?)<\/t[hd]>/g)].map(([, attributes, content]) => ({
        text: textOf(content),
        value: attributes.match(/data-value="([^"]*)"/)?.[1],
      })),
    ),
  }
}

/** Markup without its tags and escapes. */
export function textOf(markup: string): string {
  return markup
    .replace(/<[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .trim()
}
