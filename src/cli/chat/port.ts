import type { ChatSession } from '../../chat/session.js'
import type { UserError } from '../../errors.js'

/** Where a chat's lines come from and go to: a terminal, or pipes. */
export interface ChatPort {
  /** The next line of input; undefined where the chat ends. */
  next(): Promise<string | undefined>
  /** Adds text to the answer, of which the first characters come from drafts. */
  append(text: string, drafted: number): Promise<void> | void
  /** The answer is whole, or was stopped. */
  endAnswer(session: ChatSession): Promise<void> | void
  note(text: string): void
  error(error: UserError): Promise<void> | void
  /** Shows what was said before. */
  replay(messages: ChatSession['messages']): void
  status(text: string): void
  /** Whether whoever chats says yes to a question; no where nobody can be asked. */
  confirm(question: string): Promise<boolean>
  close(): Promise<void>
}
