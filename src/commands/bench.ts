import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Flags } from '@oclif/core'
import { type BenchJson, bench } from '../bench/bench.js'
import { benchChart } from '../bench/chart.js'
import { benchText } from '../bench/table.js'
import { BaseCommand } from '../cli/base-command.js'
import { modelFlags, modelName, targetOptions } from '../cli/flags/model.js'
import { loadShown } from '../cli/io/load-shown.js'
import { usageError } from '../errors.js'
import { unwritable, writeFileWhole } from '../files.js'
import { phaseDisplay } from '../ui/phase.js'

export default class Bench extends BaseCommand {
  static override summary = 'Measure how fast a model is on this machine, and which drafters pay.'
  static override description =
    'Prefill and decoding by context, what a pass of several tokens costs, the memory bandwidth that is reached, and the speed-up of each drafter that the model can serve: what its costs promise by acceptance, and what it was on a few prompts. Figures are medians of rounds in which everything takes its turn.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> -m org/name --dtype int8 --context 128,2048',
    '<%= config.bin %> <%= command.id %> -m ./model --seconds 120 --svg bench.svg --json > bench.json',
  ]
  static override flags = {
    ...modelFlags,
    context: lengthsFlag('tokens of context to measure after [128,512,1024, as far as the model goes]'),
    tokens: lengthsFlag('lengths of the passes that are compared with one token [1,2,4,8,16,32]'),
    seconds: Flags.integer({
      min: 1,
      default: 30,
      helpValue: 'N',
      description: 'to measure for, about; everything is measured 3 times at least',
      helpGroup: 'BENCHMARK',
    }),
    svg: Flags.string({ helpValue: 'FILE', description: 'write charts as SVG', helpGroup: 'BENCHMARK' }),
  }

  async run(): Promise<BenchJson> {
    const { flags } = await this.parse(Bench)
    if (flags.svg !== undefined) await requireWritable(flags.svg)
    const signal = this.interruptSignal()
    const model = await loadShown(flags.model, { ...targetOptions(flags), signal })
    const display = phaseDisplay()
    try {
      const result = await bench(model, {
        name: modelName(flags),
        command: ['llm bench', ...this.argv].join(' '),
        version: this.config.version,
        threads: flags.threads,
        contexts: flags.context,
        tokens: flags.tokens,
        seconds: flags.seconds,
        signal,
        onPhase: display.update,
      })
      if (flags.svg !== undefined) await writeFileWhole(flags.svg, benchChart(result))
      display.stop()
      this.log(benchText(result))
      return result
    } finally {
      display.stop()
      await model.dispose()
    }
  }
}

/** Before a minute is spent on it. */
async function requireWritable(file: string): Promise<void> {
  const directory = dirname(resolve(file))
  await access(directory, constants.W_OK).catch((error) => {
    throw unwritable(file, error)
  })
}

/** Numbers of tokens: `128,512`. */
function lengthsFlag(description: string) {
  return Flags.custom<number[]>({
    helpValue: 'N,N',
    description,
    helpGroup: 'BENCHMARK',
    parse: async (text, _, { name }) => {
      const values = text.split(',').map(Number)
      if (values.every((value) => Number.isSafeInteger(value) && value > 0)) return values
      throw usageError(`--${name} cannot be ${text}: give numbers of tokens, such as 128,512.`)
    },
  })()
}
