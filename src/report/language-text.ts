import type { LanguageResult } from './comparison.js'

/** A language as a plan has it, `regex [0-9]+`, cut off after so many characters. */
export function languageText({ field, value }: LanguageResult, most: number): string {
  const text = `${field} ${typeof value === 'string' ? value : JSON.stringify(value)}`.replaceAll(
    /\s*\n\s*/g,
    ' ',
  )
  const characters = [...text]
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : text
}
