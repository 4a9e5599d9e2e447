import { JinjaError } from './errors.js'

/** What a template may do at most, so that none runs or grows without end; real ones stay below a hundredth of it. */
export const LIMITS = {
  /** Nodes that are evaluated, items that are made or compared, and characters by 16. */
  steps: 10_000_000,
  /** UTF-16 units of one text, the prompt among them. */
  text: 2 ** 26,
  /** Items of one `range`, as Jinja's sandbox has it. */
  range: 100_000,
  /** Macros and recursive loops within one another. */
  depth: 200,
  /** Bits of a whole number. */
  bits: 2 ** 16,
}

// Rendering is synchronous, so that one meter is enough.
let left = 0
let depth = 0

/** Runs `render` with a fresh meter. */
export function metered<T>(render: () => T): T {
  left = LIMITS.steps
  depth = 0
  return render()
}

/** What a pass of a loop and the call of a macro cost beside what they do, by the time that they take. */
export const PASS = 10

/** Counts steps. @throws JinjaError of kind `limit` where a template takes too many */
export function spend(steps: number): void {
  left -= steps
  if (left < 0) {
    throw new JinjaError('limit', `it takes more than ${LIMITS.steps.toLocaleString('en')} steps`)
  }
}

/** Counts the making of a text, by its length before it is made. */
export function spendText(length: number): void {
  if (length > LIMITS.text) {
    throw new JinjaError(
      'limit',
      `it makes a text of more than ${LIMITS.text.toLocaleString('en')} characters`,
    )
  }
  spend(1 + length / 16)
}

/** Runs a macro or a loop within another. */
export function nested<T>(run: () => T): T {
  spend(2 * PASS)
  if (++depth > LIMITS.depth) {
    throw new JinjaError('limit', `its macros call one another more than ${LIMITS.depth} deep`)
  }
  try {
    return run()
  } finally {
    depth--
  }
}
