import type { Interfaces } from '@oclif/core'
import { usageError } from '../errors.js'

export type KnownFlags = Readonly<Record<string, Interfaces.Flag<unknown>>>

/** A flag as it is written, without its value. */
interface Spelling {
  /** The flag's own name. */
  readonly name: string
  readonly flag: Interfaces.Flag<unknown>
  /** `--no-name` */
  readonly isNegated: boolean
}

/** Words that look like a boolean's value. */
const TRUTH = /^(true|false|yes|no|on|off|[01])$/i

/**
 * A command line that oclif may read: names in snake case, as files have them, in kebab case. oclif takes what follows a boolean flag, also
 * after `=`, as an argument of its own: a flag that means its opposite, and a prompt that nobody wrote.
 * @throws UserError, exit code 2, for a boolean flag with a value, and for one that is given both ways
 */
export function readableArguments(argv: readonly string[], flags: KnownFlags): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length
  const words: string[] = []
  const booleans = new Map<string, boolean>()
  for (let i = 0; i < end; i++) {
    const [written, ...rest] = argv[i].split('=')
    const spelling = argv[i].startsWith('--') ? spellingOf(written, flags) : shortOption(argv[i], flags)
    const { name, flag, isNegated } = spelling ?? {}
    const isRenamed = argv[i].startsWith('--') && flag !== undefined
    words.push(isRenamed ? [kebab(written), ...rest].join('=') : argv[i])
    if (flag?.type === 'option' && rest.length === 0 && i + 1 < end) words.push(argv[++i])
    if (flag?.type !== 'boolean') continue
    if (rest.length > 0) throw usageError(`--${name} takes no value: ${choice(spelling!)}.`)
    if (TRUTH.test(argv[i + 1] ?? '') && i + 1 < end) {
      throw usageError(
        `--${name} takes no value, but ${argv[i + 1]} follows it: ${choice(spelling!)}, and -- before a text of that word.`,
      )
    }
    if (booleans.get(name!) === !isNegated || !booleans.has(name!)) booleans.set(name!, !isNegated)
    else throw usageError(`--${name} and --no-${name} contradict each other: leave one of them out.`)
  }
  return [...words, ...argv.slice(end)]
}

function kebab(written: string): string {
  return written.replaceAll('_', '-')
}

function spellingOf(written: string, flags: KnownFlags): Spelling | undefined {
  const text = kebab(written).slice(2)
  const find = (name: string) =>
    Object.entries(flags).find(([own, { aliases }]) => own === name || aliases?.includes(name))
  const found = find(text)
  if (found) return { name: found[0], flag: found[1], isNegated: false }
  const negated = text.startsWith('no-') ? find(text.slice(3)) : undefined
  if (negated?.[1].type !== 'boolean') return undefined
  return negated[1].allowNo ? { name: negated[0], flag: negated[1], isNegated: true } : undefined
}

/** An option such as `-m`, whose value is the next word. */
function shortOption(word: string, flags: KnownFlags): Spelling | undefined {
  if (word.length !== 2 || word[0] !== '-') return undefined
  const found = Object.entries(flags).find(([, { char }]) => char === word[1])
  return found && { name: found[0], flag: found[1], isNegated: false }
}

function choice({ name, flag }: Spelling): string {
  const allowsNo = flag.type === 'boolean' && flag.allowNo
  return allowsNo ? `write --${name} or --no-${name}` : `write --${name}, or leave it out`
}
