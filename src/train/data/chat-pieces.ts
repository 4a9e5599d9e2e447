import { usageError } from '../../errors.js'
import type { Tokenizer } from '../../tokenizer/tokenizer.js'
import type { ChatExample } from './documents.js'

/**
 * A chat as its template writes it, cut into what is learnt, the assistant's messages with what ends them, and the rest.
 * @throws UserError where the template writes the start of a chat in another way once more follows
 */
export function chatPieces(
  { messages, origin }: ChatExample,
  tokenizer: Tokenizer,
): { text: string; learnt: boolean }[] {
  const pieces: { text: string; learnt: boolean }[] = []
  let written = ''
  const advance = (text: string, learnt: boolean) => {
    if (!text.startsWith(written)) {
      throw usageError(
        `${origin}: the chat template changes earlier messages when later ones follow, so that the answers cannot be told apart: give prompt and completion instead.`,
      )
    }
    if (text.length > written.length) pieces.push({ text: text.slice(written.length), learnt })
    written = text
  }
  for (const [i, { role }] of messages.entries()) {
    if (role !== 'assistant') continue
    const before = messages.slice(0, i)
    advance(tokenizer.applyChatTemplate(before, { addGenerationPrompt: true }), false)
    advance(tokenizer.applyChatTemplate(messages.slice(0, i + 1)), true)
  }
  return pieces
}
