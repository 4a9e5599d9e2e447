import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.js'
import { type CheckedSchema, checkSchema } from '../../cli/schema/check.js'
import { verdictLine } from '../../cli/schema/verdict.js'

export default class SchemaCheck extends BaseCommand {
  static override summary = 'Tell whether a text can be held to a JSON schema, and whether a value is valid.'
  static override description =
    'A schema that cannot be enforced is refused with its place, exit code 2. A value that is not valid has exit code 1.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> person.json',
    '<%= config.bin %> <%= command.id %> \'name, age int\' \'{"name": "Ada", "age": 36}\'',
    'cat answer.json | <%= config.bin %> <%= command.id %> person.json - --json',
  ]
  static override args = {
    schema: Args.string({
      required: true,
      ignoreStdin: true,
      description: 'a file, JSON, or fields such as "name, age int"; - for stdin',
    }),
    value: Args.string({ ignoreStdin: true, description: 'a file, or JSON; - for stdin' }),
  }

  async run(): Promise<Omit<CheckedSchema, 'isJson'>> {
    const { args } = await this.parse(SchemaCheck)
    const { isJson, ...checked } = await checkSchema(args.schema, args.value)
    const { schema, warnings, shortest, value } = checked
    if (!isJson) this.log(`Schema: ${JSON.stringify(schema)}`)
    this.log('The schema can be held.')
    for (const warning of warnings) this.log(`Warning: ${warning}`)
    if (shortest !== undefined) this.log(`A shortest value: ${shortest}`)
    if (value) this.log(verdictLine(value))
    if (value?.valid === false) process.exitCode = 1
    return checked
  }
}
