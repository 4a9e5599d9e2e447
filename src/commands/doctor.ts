import { BaseCommand } from '../cli/base-command.js'
import { type Check, type DoctorJson, gravest } from '../doctor/check.js'
import { examine } from '../doctor/doctor.js'

/** Characters of the columns before what was found. */
const WIDTHS = { state: 9, name: 16 }

export default class Doctor extends BaseCommand {
  static override summary =
    'Check what llm needs here: versions, devices, memory, caches, the built-in model.'
  static override description =
    'Each check is ok, a note (worth knowing), or a problem (llm generate does not work), with what to do about it. Devices are tried in processes of their own. The network is not used. Exit code 1 where there is a problem.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json | jq \'.checks[] | select(.state != "ok")\'',
  ]

  async run(): Promise<DoctorJson> {
    await this.parse(Doctor)
    const signal = this.interruptSignal()
    const checks: Check[] = []
    for await (const check of examine({ version: this.config.version })) {
      signal.throwIfAborted()
      checks.push(check)
      for (const line of lines(check)) this.log(line)
    }
    const state = gravest(checks)
    const problems = checks.filter((check) => check.state === 'problem').length
    if (problems > 0) process.exitCode = 1
    this.log(`\n${verdict(problems)}`)
    return { state, checks }
  }
}

function lines({ state, name, found, advice }: Check): string[] {
  const head = `${state.padEnd(WIDTHS.state)}${name.padEnd(WIDTHS.name)}${found}`
  return advice === undefined ? [head] : [head, `${' '.repeat(WIDTHS.state + WIDTHS.name)}→ ${advice}`]
}

function verdict(problems: number): string {
  if (problems === 0) return 'llm generate works here.'
  return `${problems === 1 ? 'One problem keeps' : `${problems} problems keep`} llm generate from working.`
}
