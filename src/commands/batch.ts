import { Args } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.js'
import { type BatchJson, batchLine, failureLines, serveBatch } from '../cli/batch/batch.js'
import { batchFlags } from '../cli/batch/flags.js'
import { refuseStdinTwice } from '../cli/io/stdin.js'
import { usageError } from '../errors.js'
import { STDIO } from '../files.js'

export default class Batch extends BaseCommand {
  static override summary = 'Generate text for many prompts: one JSON object a line in, one out.'
  static override description =
    'A row has a "prompt" or "messages", an "id" (its line number by default) and any setting of its own; other fields come out as they went in. Rows are decoded together, and each is written once it is done. Stopped or killed, the same command goes on where it was. A row that cannot be served gets an "error"; the exit code is 1 if there is one.'
  static override usage = '<%= command.id %> [INPUT] [-o FILE] [FLAGS]'
  static override examples = [
    '<%= config.bin %> <%= command.id %> prompts.jsonl -o texts.jsonl -m ./model --max-new-tokens 200 --seed 1',
    '<%= config.bin %> <%= command.id %> prompts.jsonl -o part-2.jsonl -m ./model --shard 2/4 --order input',
    '<%= config.bin %> <%= command.id %> prompts.jsonl -o texts.jsonl -m ./model --retry-errors',
    '$ cat prompts.jsonl | <%= config.bin %> <%= command.id %> -m ./model > texts.jsonl',
  ]
  static override args = {
    input: Args.string({
      default: STDIO,
      description: 'JSON Lines with a prompt each; - for stdin',
      ignoreStdin: true,
    }),
  }
  static override flags = batchFlags

  async run(): Promise<BatchJson> {
    const { args, flags } = await this.parse(Batch)
    if (this.jsonEnabled() && flags.output === STDIO) {
      throw usageError('--json and the rows would both go to stdout: write the rows to a file with -o.')
    }
    if (args.input === STDIO && process.stdin.isTTY) {
      throw usageError('There are no rows: give a file of JSON Lines, or pipe them in. See --help.')
    }
    refuseStdinTwice({
      'the rows': args.input,
      '--config': flags.config,
      '--chat-template': flags['chat-template'],
    })
    const signal = this.interruptSignal()
    const { version } = this.config
    const { json, failures } = await serveBatch(args.input, flags, { signal, version }).finally(() => {
      // A batch that has ended does not wait for rows that may still come.
      if (args.input === STDIO) process.stdin.destroy()
    })
    for (const line of failureLines(failures)) this.logToStderr(line)
    this.logToStderr(batchLine(json))
    if (signal.aborted) this.logToStderr('Interrupted: the same command goes on from here.')
    if (json.failed > 0) process.exitCode = 1
    return json
  }
}
