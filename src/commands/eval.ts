import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.js'
import { type DrafterEvaluationJson, drafterTable, evaluateDrafter } from '../cli/eval/drafter.js'
import { type EvaluationJson, evaluationJson, evaluationTable } from '../cli/eval/json.js'
import { modelFlags, targetOptions } from '../cli/flags/model.js'
import { loadShown } from '../cli/io/load-shown.js'
import { separatorFlag } from '../cli/train/flags.js'
import { usageError } from '../errors.js'
import { evaluationDocuments, requireDocuments } from '../evaluate/documents.js'
import { evaluate, type WindowOptions, windowAndStride } from '../evaluate/evaluate.js'
import type { LanguageModel } from '../language-model/load.js'
import { evaluationDisplay } from '../ui/evaluation-progress.js'

interface EvalFlags extends WindowOptions {
  readonly separator?: string
  readonly 'max-tokens'?: number
}

export default class Eval extends BaseCommand {
  static override summary = 'Measure how well a model predicts text: bits per byte and perplexity.'
  static override description =
    'Scores each token under the text before it, in windows that overlap. A text file (also .br, .gz) is one document, and of JSON Lines each line is one: {"text"}, or {"prompt", "completion"}, of which the completion is scored. Bits per byte compare models with different tokenizers, perplexity does not. Ctrl-C gives the figures so far. With --drafter it is not the model that is measured, but how well a draft model, Medusa heads or MTP modules predict its next tokens.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> book.txt -m ./model',
    '<%= config.bin %> <%= command.id %> stories.txt.br -m ./model --separator "\\n\\n" --max-tokens 100000',
    '<%= config.bin %> <%= command.id %> answers.jsonl -m org/name --window 512 --stride 128 --json',
    '<%= config.bin %> <%= command.id %> book.txt -m ./model --drafter ./medusa',
  ]
  static override strict = false
  static override args = {
    files: Args.string({
      required: true,
      description: 'text or JSON Lines, one or several files; - for stdin',
    }),
  }
  static override flags = {
    ...modelFlags,
    window: Flags.integer({
      min: 2,
      description: "tokens that the model sees at a time [the model's positions, at most 1024]",
      helpGroup: 'EVALUATION',
    }),
    stride: Flags.integer({
      min: 1,
      description: 'tokens between the starts of windows; fewer give more context [half a window]',
      helpGroup: 'EVALUATION',
    }),
    'max-tokens': Flags.integer({
      min: 1,
      description: 'stop after so many scored tokens',
      helpGroup: 'EVALUATION',
    }),
    separator: separatorFlag({ helpGroup: 'EVALUATION' }),
    drafter: Flags.string({
      helpValue: 'DIR',
      description:
        'measure this draft model, these Medusa heads or MTP modules of the model, in fp32 on the CPU',
      helpGroup: 'EVALUATION',
      exclusive: ['stride'],
    }),
  }

  async run(): Promise<EvaluationJson | DrafterEvaluationJson> {
    const { argv, flags } = await this.parse(Eval)
    const files = argv as string[]
    await requireDocuments(files, flags)
    const signal = this.interruptSignal()
    const { drafter } = flags
    if (drafter !== undefined) {
      refuseElsewhere(flags)
      const evaluation = await evaluateDrafter(files, { ...flags, drafter }, signal)
      this.log(drafterTable(evaluation))
      return evaluation
    }
    const model = await loadShown(flags.model, { ...targetOptions(flags), signal })
    try {
      const evaluation = await this.#evaluate(model, files, flags, signal)
      this.log(evaluationTable(evaluation))
      return evaluation
    } finally {
      await model.dispose()
    }
  }

  async #evaluate(
    { model, tokenizer }: LanguageModel,
    files: readonly string[],
    { separator, 'max-tokens': maxTokens, ...flags }: EvalFlags,
    signal: AbortSignal,
  ): Promise<EvaluationJson> {
    const windows = windowAndStride(model, flags)
    const documents = evaluationDocuments(files, tokenizer, { separator, maxTokens })
    const display = evaluationDisplay(maxTokens)
    const begun = performance.now()
    try {
      const { decode } = tokenizer
      const options = { ...windows, decode, maxTokens, signal, onProgress: display.update }
      const sums = await evaluate(model, documents, options)
      return evaluationJson(sums, windows, (performance.now() - begun) / 1000)
    } finally {
      display.stop()
    }
  }
}

/** Drafters are measured by the graphs that train them. */
function refuseElsewhere(flags: { dtype: string; device: string; 'device-id'?: number }): void {
  const { dtype, device, 'device-id': deviceId } = flags
  if (!['auto', 'fp32'].includes(dtype)) {
    throw usageError(`--dtype cannot be ${dtype} with --drafter, which is measured in fp32: leave it out.`)
  }
  if (!['auto', 'cpu'].includes(device)) {
    throw usageError(
      `--device cannot be ${device} with --drafter, which is measured on the CPU: leave it out.`,
    )
  }
  if (deviceId !== undefined) {
    throw usageError('--device-id has no effect with --drafter, which is measured on the CPU: leave it out.')
  }
}
