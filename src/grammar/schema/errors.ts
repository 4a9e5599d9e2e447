import { UserError } from '../../errors.js'

/** Thrown for a schema that cannot be enforced: the message names the place by its JSON pointer. */
export class SchemaError extends UserError {
  constructor(
    /** The place in the schema as a fragment: `#` is the whole, `#/properties/a` a property's. */
    readonly pointer: string,
    /** A clause without its full stop. */
    readonly reason: string,
  ) {
    super(`The JSON schema cannot be enforced at ${pointer}: ${reason}.`, 2)
  }
}
