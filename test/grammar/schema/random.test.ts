import { expect, test } from 'vitest'
import { DEAD } from '../../../src/grammar/automaton.js'
import { compileSchema, validate } from '../../../src/grammar/schema/index.js'
import { Draws } from './random-schema.js'
import { holds } from './reference.js'

test('Random schemas accept exactly the values that hold, and from every prefix of one a completion leads to such a value', () => {
  const draws = new Draws(7)
  const verdicts = { valid: 0, invalid: 0, empty: 0 }
  for (let i = 0; i < 150; i++) {
    const schema = draws.schema(2)
    const values = draws.list(10, 10, () => draws.value(2))
    let automaton: ReturnType<typeof compileSchema>
    try {
      automaton = compileSchema(JSON.stringify(schema), { order: 'any' })
    } catch (error) {
      expect((error as Error).message).toContain('no value is valid')
      expect(values.filter((value) => holds(schema, value))).toEqual([])
      verdicts.empty++
      continue
    }
    for (const value of values) {
      const text = JSON.stringify(value)
      const place = `${JSON.stringify(schema)} on ${text}`
      const isValid = holds(schema, value)
      expect(validate(automaton, text), place).toBe(isValid)
      verdicts[isValid ? 'valid' : 'invalid']++
      // A prefix of any length that the automaton takes.
      let state = automaton.start
      let length = 0
      for (const byte of Buffer.from(text).subarray(0, draws.below(text.length + 1))) {
        const next = automaton.next(state, byte)
        if (next === DEAD) break
        state = next
        length++
      }
      const whole = Buffer.concat([
        Buffer.from(text).subarray(0, length),
        automaton.completion(state),
      ]).toString()
      expect(holds(schema, JSON.parse(whole)), `${place}: ${whole}`).toBe(true)
      expect(validate(automaton, whole), whole).toBe(true)
    }
  }
  expect(verdicts.valid).toBeGreaterThan(300)
  expect(verdicts.invalid).toBeGreaterThan(300)
  expect(verdicts.empty).toBeGreaterThan(0)
})
