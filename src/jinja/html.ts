import { spendText } from './meter.js'
import { str } from './repr.js'
import { type JinjaValue, Markup } from './values.js'

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '>': '&gt;',
  '<': '&lt;',
  "'": '&#39;',
  '"': '&#34;',
}

/** markupsafe's `escape`: text that is marked as safe stays as it is. */
export function escapeMarkup(value: JinjaValue): string {
  if (value instanceof Markup) return value.text
  const text = str(value)
  spendText(text.length * 5)
  return text.replace(/[&<>'"]/g, (character) => ENTITIES[character])
}
