import type * as z from 'zod'

type Issue = z.core.$ZodIssue

/** What is wrong with a value, in words that say what it may be: `give 1 or more`. */
export function faultOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `give ${KINDS[issue.expected] ?? `a value of the type ${issue.expected}`}`
    case 'invalid_value':
      return `give ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`
    case 'too_small':
      return tooSmall(issue)
    case 'too_big':
      return tooBig(issue)
    case 'unrecognized_keys':
      // The schema may say more of a key.
      return issue.message.startsWith('Unrecognized') ? `leave ${issue.keys.join(', ')} out` : issue.message
    case 'invalid_union':
      return eitherOf(issue.errors)
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.map(faultOf).join(', ')
    default:
      return issue.message
  }
}

const KINDS: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  string: 'a text',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
}

const UNITS: Readonly<Record<string, string>> = { array: 'items', string: 'characters' }

function tooSmall({ origin, minimum, inclusive }: Extract<Issue, { code: 'too_small' }>): string {
  const unit = UNITS[origin]
  if (unit && Number(minimum) === 1) return 'it is empty'
  if (unit) return `give at least ${minimum} ${unit}`
  return inclusive ? `give ${minimum} or more` : `give more than ${minimum}`
}

function tooBig({ origin, maximum, inclusive }: Extract<Issue, { code: 'too_big' }>): string {
  const unit = UNITS[origin]
  if (unit) return `give at most ${maximum} ${unit}`
  // Zod's whole numbers end where JavaScript's are exact.
  return inclusive ? `give ${maximum} or less` : `give less than ${maximum}`
}

/** The faults of alternatives, each once; one of a part says where. */
function eitherOf(alternatives: readonly (readonly Issue[])[]): string {
  const faults = alternatives.map((issues) => {
    const { path } = issues[0]
    const where = path.length > 0 ? ` at ${path.join('.')}` : ''
    return `${faultOf(issues[0])}${where}`
  })
  const [first, ...others] = new Set(faults)
  return [first, ...others.map((fault) => fault.replace(/^give /, ''))].join(', or ')
}
