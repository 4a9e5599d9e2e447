import { BaseCommand } from '../cli/base-command.js'
import type { ExtractFlags } from '../cli/extract/extract.js'
import { extractFlags } from '../cli/extract/flags.js'

export default class Extract extends BaseCommand {
  static override strict = false
  static override summary = 'Find typed records in documents.'
  static override description =
    'The answer is held to the schema in every format. Long documents are read in chunks, which are decoded together, and whose records are merged. Stopped or killed, the same command goes on where it was, where it writes a file. The exit code is 1 if a chunk could not be read.'
  static override usage = '<%= command.id %> [FILE…] --schema SCHEMA [FLAGS]'
  static override examples = [
    "<%= config.bin %> <%= command.id %> letter.txt --schema 'sender, date, amount float' --spans",
    "<%= config.bin %> <%= command.id %> *.txt --schema 'name, age int' --many --key name -o people.jsonl",
    "cat letters.jsonl | <%= config.bin %> <%= command.id %> --field body --schema 'sender, date' --csv",
  ]
  static override flags = extractFlags

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Extract)
    // Grammars are loaded where they are used.
    const { runExtraction } = await import('../cli/extract/run.js')
    await runExtraction(argv as string[], flags as unknown as ExtractFlags & Record<string, unknown>, {
      signal: () => this.interruptSignal(),
      version: this.config.version,
      tell: (line) => this.logToStderr(line),
    })
  }
}
