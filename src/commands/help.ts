import { Args, loadHelpClass } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.js'
import { namedCommand } from '../cli/command-line.js'
import { usageError } from '../errors.js'

export default class Help extends BaseCommand {
  static override summary = 'Show the help of a command.'
  static override enableJsonFlag = false
  static override strict = false
  static override args = {
    command: Args.string({ ignoreStdin: true, description: 'the command, such as `generate sample`' }),
  }

  async run(): Promise<void> {
    const { argv } = await this.parse(Help)
    const names = argv as string[]
    if (names.length > 0) {
      const { id, length } = namedCommand(names, this.config)
      const rest = names.slice(length).join(' ')
      if (rest !== '') {
        throw usageError(
          `${this.config.bin} ${id.replaceAll(':', ' ')} has no command ${rest}: see its --help.`,
        )
      }
    }
    const HelpClass = await loadHelpClass(this.config)
    await new HelpClass(this.config, this.config.pjson.oclif.helpOptions).showHelp(names)
  }
}
