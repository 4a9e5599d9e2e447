import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { JinjaError } from '../../src/jinja/errors.js'
import { strftime } from '../../src/jinja/strftime.js'
import { Template } from '../../src/jinja/template.js'
import { Float } from '../../src/jinja/values.js'

interface Golden {
  variables: Record<string, unknown>
  dates: [date: string, format: string, text: string][]
  entries: [template: string, text: string | null, exception?: string][]
}

const path = new URL('../golden/templates/golden.json', import.meta.url)
const { variables, dates, entries } = JSON.parse(readFileSync(path, 'utf8')) as Golden
// A whole number in JSON, but a float in Python.
const given = { ...variables, huge: new Float(1e22) }

const now = new Date(2024, 1, 9, 3, 4, 5, 6)

/** What a template prints, or its error. */
function rendered(template: string): string | JinjaError {
  try {
    return new Template(template).render(given, now)
  } catch (error) {
    if (error instanceof JinjaError) return error
    throw error
  }
}

/** Results that differ: what is not done here says so, and is as good as Python's. */
const differences = entries.flatMap(([template, text, exception]) => {
  const result = rendered(template)
  if (typeof result === 'string' ? result === text : text === null) return []
  if (result instanceof JinjaError && result.kind === 'unsupported') return []
  return [
    { template, python: text ?? exception, here: result instanceof JinjaError ? result.message : result },
  ]
})

describe('Jinja as transformers has it', () => {
  it('prints and refuses the same', () => {
    expect(entries.length).toBeGreaterThan(7000)
    expect(differences).toEqual([])
  })

  it('knows all that the snippets use but this, which it names', () => {
    const refused = entries.flatMap(([template, text]) => {
      const result = rendered(template)
      const isRefused = text !== null && result instanceof JinjaError && result.kind === 'unsupported'
      return isRefused ? [result.message.replace(/":.*"/, '":…"')] : []
    })
    expect([...new Set(refused)].sort()).toEqual([
      'a complex number',
      'characters by their name (\\N)',
      'is_integer of numbers',
      'real of numbers',
      'the conversion %c',
      'the conversion %e',
      'the conversion %f of what is no finite number',
      'the conversion %g',
      'the conversion %x',
      'the filter batch',
      'the filter center',
      'the filter filesizeformat',
      'the filter groupby',
      'the filter int of another base than ten',
      'the filter slice',
      'the filter urlencode',
      'the filter xmlattr',
      'the format ":…" of the method format',
      'the method casefold of texts',
      'the method center of texts',
      'the method expandtabs of texts',
      'the method format_map of texts',
      'the method istitle of texts',
      'the method ljust of texts',
      'the method rjust of texts',
      'the method swapcase of texts',
      'the method translate of texts',
      'the method zfill of texts',
      'the printing of a value of type function',
      'the printing of a value of type generator',
      'the variable cycler',
      'the variable joiner',
      '{% autoescape %}',
      '{% block %}',
    ])
  })

  it('raises the exceptions of Python', () => {
    // Where two are right, Jinja's order of checks decides.
    const others = entries.filter(([template, text, exception]) => {
      const result = rendered(template)
      if (text !== null || !(result instanceof JinjaError) || result.kind !== 'runtime') return false
      return result.exception !== exception
    })
    expect(others.length).toBeLessThan(60)
  })

  it('writes dates as glibc', () => {
    const wrong = dates.filter(([date, format, text]) => strftime(new Date(date), format) !== text)
    expect(wrong).toEqual([])
  })
})
