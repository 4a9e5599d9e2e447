/** Markup that is ready to be written: `html` takes it as it is and escapes everything else. */
export class Html {
  constructor(readonly markup: string) {}
}

export type HtmlPart = Html | string | number | undefined | readonly HtmlPart[]

/** Markup from a template. Strings and numbers in it become text or attribute values; `undefined` becomes nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  return new Html(strings.map((string, i) => string + (i < parts.length ? markupOf(parts[i]) : '')).join(''))
}

function markupOf(part: HtmlPart): string {
  if (part === undefined) return ''
  if (part instanceof Html) return part.markup
  return typeof part === 'object' ? part.map(markupOf).join('') : escapeHtml(String(part))
}

/** Text as HTML takes it, in elements and quoted attributes; control characters but line breaks and tabs become U+FFFD. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"'\r]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/(?![\t\n])\p{Cc}|\p{Surrogate}/gu, '\uFFFD')
}

/** A value for `<script type="application/json">`, where no markup may begin. */
export function embeddedJson(value: unknown): Html {
  return new Html(JSON.stringify(value).replaceAll('<', '\\u003c'))
}
