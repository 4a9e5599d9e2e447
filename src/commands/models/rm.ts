import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.js'
import { UserError, usageError } from '../../errors.js'
import { removeCached } from '../../hub/index.js'
import { formatBytes } from '../../ui/format.js'

export default class ModelsRm extends BaseCommand {
  static override summary = 'Remove a model from the cache that is shared with Python.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> HuggingFaceTB/SmolLM2-135M-Instruct',
    '<%= config.bin %> <%= command.id %> HuggingFaceTB/SmolLM2-135M-Instruct@main --yes',
  ]
  static override args = {
    id: Args.string({
      ignoreStdin: true,
      description: 'org/name (every revision), org/name@revision, org/name:file.gguf, or org/name:Q4_K_M',
      required: true,
    }),
  }
  static override flags = {
    yes: Flags.boolean({ char: 'y', description: 'do not ask' }),
  }

  async run(): Promise<{ id: string; commits: string[]; freed: number }> {
    const { args, flags } = await this.parse(ModelsRm)
    if (!flags.yes) await this.#confirm(args.id)
    const removal = await removeCached(args.id)
    this.log(`Removed ${args.id}: ${formatBytes(removal.freed)} freed.`)
    return { id: args.id, ...removal }
  }

  async #confirm(id: string): Promise<void> {
    if (!process.stdin.isTTY || this.jsonEnabled()) {
      throw usageError(`Removing ${id} needs a confirmation: add --yes.`)
    }
    const terminal = createInterface({ input: process.stdin, output: process.stderr })
    const question = terminal.question(`Remove ${id} from the cache? [y/N] `)
    const closed = once(terminal, 'close').then(() => 'no')
    const answer = await Promise.race([question, closed])
    terminal.close()
    if (!/^y(es)?$/i.test(answer.trim())) throw new UserError(`${id} was kept.`)
  }
}
