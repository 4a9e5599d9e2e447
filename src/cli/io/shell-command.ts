/** A command as a shell takes it. */
export function shellCommand(words: readonly string[]): string {
  const isPlain = (word: string) => /^[\w@%+=:,./-]+$/.test(word)
  return words.map((word) => (isPlain(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')
}
