import { once } from 'node:events'
import type { Generation } from '../../generation/generate.js'
import { printableOn } from '../../ui/printable.js'

/**
 * Writes a generation to a pipe or file as it comes. The first sequence streams; of several, the next ones follow
 * when it has ended, each under a heading.
 */
export async function writeStream(generation: Generation, stream: NodeJS.WritableStream): Promise<void> {
  const write = writer(stream)
  for await (const { sequence, text } of generation) {
    if (sequence === 0) await write(text)
  }
  const { sequences } = await generation.result()
  await write('\n')
  for (const [i, { text }] of sequences.entries()) {
    if (i > 0) await write(`\n— ${i + 1} of ${sequences.length}\n${text}\n`)
  }
}

/** Waits where the reader is slow; on a terminal without control characters. */
export function writer(stream: NodeJS.WritableStream): (text: string) => Promise<void> {
  return async (text) => {
    if (text !== '' && !stream.write(printableOn(stream, text))) await once(stream, 'drain')
  }
}
