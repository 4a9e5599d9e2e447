import { Args } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.js'
import { type CompareFlags, compareStrategies } from '../cli/compare/compare.js'
import { compareFlags, FROM_FLAGS } from '../cli/compare/flags.js'
import {
  type ComparedRuns,
  comparedRuns,
  type ReportFlags,
  readComparisons,
  requireComparable,
  requireWritable,
  writeReports,
} from '../cli/compare/reports.js'
import { shellCommand } from '../cli/io/shell-command.js'
import { type UserError, usageError } from '../errors.js'
import type { Comparison } from '../report/comparison.js'

export default class Compare extends BaseCommand {
  static override summary = 'Compare strategies over the same prompts: speed, acceptance, memory, texts.'
  static override description =
    'Runs take turns, prompt by prompt and strategy by strategy, each with the same seed; figures are medians with bootstrap intervals. Kinds of strategies are greedy, sample, beam, beam-sample, diverse-beam, contrastive, dola, lookup, recycling, speculative, early-exit, medusa, mtp, auto and custom=FILE; any GenerationConfig field may follow. The likeliest tokens are taken where no setting says to sample. Ctrl-C keeps the repetitions that are whole.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> prompts.txt --strategy greedy --strategy beam:num_beams=4 --strategy medusa',
    '<%= config.bin %> <%= command.id %> prompts.jsonl -s greedy -s lookup:prompt_lookup_num_tokens=5 --max-new-tokens 64 -o run.json --html run.html',
    '<%= config.bin %> <%= command.id %> questions.jsonl --plan plan.yaml --score exact --markdown -',
    '<%= config.bin %> <%= command.id %> --from before.json after.json --fail-on-regression',
  ]
  static override args = {
    prompts: Args.string({
      ignoreStdin: true,
      description: 'prompts, one a line (.txt), or JSON Lines with a prompt or messages each',
    }),
  }
  static override flags = compareFlags

  async run(): Promise<Comparison | ComparedRuns> {
    const { args, flags, metadata } = await this.parse(Compare)
    await requireWritable(flags, this.jsonEnabled())
    if (flags.from) {
      if (args.prompts !== undefined) {
        throw usageError('--from puts earlier comparisons side by side: leave the prompts out.')
      }
      const given = Object.keys(flags).filter((name) => !metadata.flags[name]?.setFromDefault)
      const unused = given.find((name) => !FROM_FLAGS.includes(name))
      if (unused) {
        throw usageError(`--${unused} has no effect with --from, where nothing is measured: leave it out.`)
      }
      return this.#putSideBySide(flags.from, flags)
    }
    return this.#measure(args.prompts, flags as CompareFlags & typeof flags)
  }

  async #measure(
    file: string | undefined,
    flags: CompareFlags & ReportFlags & Readonly<Record<string, unknown>>,
  ): Promise<Comparison> {
    const signal = this.interruptSignal()
    const command = shellCommand([this.config.bin, 'compare', ...this.argv])
    const failures: UserError[] = []
    const comparison = await compareStrategies(file, flags, {
      command,
      version: this.config.version,
      signal,
      onFailure: (error) => failures.push(error),
    })
    if (comparison.repetitions < flags.repetitions) {
      const why = signal.aborted ? 'Interrupted: ' : ''
      this.logToStderr(`${why}${comparison.repetitions} of ${flags.repetitions} repetitions are kept.`)
    }
    const written = await writeReports([{ name: 'this run', comparison }], flags)
    this.log(written.shown)
    this.#tell([...failures, ...written.failures])
    return comparison
  }

  /** Failures that left the comparison as it is. */
  #tell(failures: readonly UserError[]): void {
    for (const { message } of failures) this.logToStderr(`Error: ${message}`)
    if (failures.length > 0) process.exitCode = 1
  }

  async #putSideBySide(
    files: readonly string[],
    flags: ReportFlags & { readonly 'fail-on-regression': boolean },
  ): Promise<ComparedRuns> {
    const comparisons = await readComparisons(files)
    if (flags['fail-on-regression']) requireComparable(comparisons)
    const { shown, failures } = await writeReports(comparisons, flags)
    this.log(shown)
    this.#tell(failures)
    const compared = comparedRuns(comparisons)
    if (flags['fail-on-regression'] && compared.regressions.length > 0) process.exitCode = 1
    return compared
  }
}
