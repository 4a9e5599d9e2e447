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

  it('knows all that the snippets use but this', () => {
    const refused = entries.flatMap(([template, text]) => {
      const result = rendered(template)
      const isRefused = text !== null && result instanceof JinjaError && result.kind === 'unsupported'
      return isRefused ? [template] : []
    })
    expect(refused).toEqual([
      '{{ (-2.5) ** 0.5 }}',
      '{{ (-8) ** 0.5 }}',
      "{{ ([1]|map('int')) is lower }}",
      '{{ (range) is lower }}',
      '{{ (joiner()) is upper }}',
      '{% block a %}{% endblock %}',
      '{% autoescape true %}{% endautoescape %}',
      "{{ '\\N{BULLET}' }}",
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
