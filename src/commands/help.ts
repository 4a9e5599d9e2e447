import { Args, loadHelpClass } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.js'

export default class Help extends BaseCommand {
  static override summary = 'Show the help of a command.'
  static override enableJsonFlag = false
  static override strict = false
  static override args = {
    command: Args.string({ ignoreStdin: true, description: 'the command, such as `generate sample`' }),
  }

  async run(): Promise<void> {
    const { argv } = await this.parse(Help)
    const HelpClass = await loadHelpClass(this.config)
    await new HelpClass(this.config, this.config.pjson.oclif.helpOptions).showHelp(argv as string[])
  }
}
