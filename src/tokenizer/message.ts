/**
 * A chat message: `role` (system, user, assistant, tool), mostly `content`, and whatever a template reads.
 */
export interface Message {
  readonly role: string
  /** A text, or a list of text parts; a template that reads texts alone is given the parts as one text. */
  readonly content?: unknown
  readonly [field: string]: unknown
}
