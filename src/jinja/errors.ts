/**
 * What an error of a template is about:
 * - `syntax`: the template is no Jinja;
 * - `unsupported`: it is, but uses what is not done here;
 * - `runtime`: it cannot be rendered with these variables, where Python would raise an exception;
 * - `raised`: it says so itself, by `raise_exception`;
 * - `limit`: it does more than a template may.
 */
type JinjaErrorKind = 'syntax' | 'unsupported' | 'runtime' | 'raised' | 'limit'

/** An error of a template; its message is a sentence without a full stop. */
export class JinjaError extends Error {
  override readonly name = 'JinjaError'
  /** Of the template, from 1; undefined until the place is known. */
  line: number | undefined

  constructor(
    readonly kind: JinjaErrorKind,
    message: string,
    line?: number,
    /** The exception that Python raises here. */
    readonly exception?: string,
  ) {
    super(message)
    this.line = line
  }
}

/** An exception of Python, by its class. */
export function raise(exception: string, message: string): never {
  throw new JinjaError('runtime', message, undefined, exception)
}

export function typeError(message: string): never {
  raise('TypeError', message)
}

export function valueError(message: string): never {
  raise('ValueError', message)
}

export function unsupportedSyntax(what: string, line?: number): never {
  throw new JinjaError('unsupported', what, line)
}
