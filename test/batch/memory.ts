import { Input, type Shard } from '../../src/batch/input.js'
import type { RowOutput, Written } from '../../src/batch/output.js'
import type { WrittenRow } from '../../src/batch/result.js'

/** An output in memory. */
export class MemoryOutput implements RowOutput {
  readonly written = new Map<string, Written>()
  readonly lines: string[] = []

  write({ key, error, seed, text }: WrittenRow): void {
    this.written.set(key, { error, seed })
    this.lines.push(text)
  }

  sort(): void {}
  close(): void {}

  get rows(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line))
  }
}

/** An input of lines: objects, or texts as they are. */
export function inputOf(lines: readonly (object | string)[], shard?: Shard): Input {
  async function* bytes() {
    for (const line of lines) yield Buffer.from(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`)
  }
  return new Input(bytes(), shard)
}

/** All rows of an input. */
export async function rowsOf(input: Input) {
  const rows = []
  for await (const row of input.rows()) rows.push(row)
  return rows
}
