import { stat } from 'node:fs/promises'
import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.js'
import { modelFlags } from '../../cli/flags/model.js'
import { withOpenModel } from '../../cli/io/open-model.js'
import { readTextInput } from '../../cli/io/text-input.js'
import { resolveGenerationConfig } from '../../config/index.js'
import { usageError } from '../../errors.js'
import { STDIO } from '../../files.js'
import { parseJson } from '../../json.js'
import { detectWatermark, type WatermarkDetection } from '../../scores/watermark-detector.js'

export default class WatermarkDetect extends BaseCommand {
  static override summary = 'Test whether a text carries the watermark of `generate --watermarking-config`.'
  static override description =
    'Counts the tokens of the text that the watermark favours (Kirchenbauer et al. 2023). Leave the prompt out of the text.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m ./model --watermarking-config '{}' --text-file answer.txt",
    '<%= config.bin %> generate -m ./model --watermarking-config \'{"bias": 4}\' Hello | <%= config.bin %> <%= command.id %> -m ./model --watermarking-config \'{"bias": 4}\'',
  ]
  static override args = {
    text: Args.string({ description: 'the text; from stdin where it is left out or -', ignoreStdin: true }),
  }
  static override flags = {
    model: modelFlags.model,
    'text-file': Flags.string({
      helpValue: 'FILE',
      description: 'read the text from a file; - for stdin',
      helpGroup: 'WATERMARK',
    }),
    'watermarking-config': Flags.string({
      helpValue: 'JSON',
      default: '{}',
      description:
        'settings that the text was generated with: {greenlist_ratio, bias, hashing_key, seeding_scheme, context_width}',
      helpGroup: 'WATERMARK',
    }),
    'z-threshold': Flags.string({
      helpValue: 'X',
      default: '3',
      description: 'z-score from which on it counts as watermarked',
      helpGroup: 'WATERMARK',
    }),
    'ignore-repeated-ngrams': Flags.boolean({
      description: 'count each different n-gram once',
      helpGroup: 'WATERMARK',
    }),
  }

  async run(): Promise<WatermarkDetection> {
    const { args, flags } = await this.parse(WatermarkDetect)
    const config = watermarkingConfig(flags['watermarking-config'])
    const zThreshold = Number(flags['z-threshold'])
    if (!Number.isFinite(zThreshold)) {
      throw usageError(`--z-threshold cannot be ${JSON.stringify(flags['z-threshold'])}: give a number.`)
    }
    await refuseFileName(args.text)
    const text = await readTextInput({
      argument: args.text,
      file: flags['text-file'],
      fileFlag: 'text-file',
      what: 'text',
    })
    const { vocabSize, bosTokenId, ids } = await this.#tokenize(flags.model, text)
    const ignoreRepeatedNgrams = flags['ignore-repeated-ngrams']
    const detection = detectWatermark(ids, {
      config,
      vocabSize,
      bosTokenId,
      ignoreRepeatedNgrams,
      zThreshold,
    })
    this.log(sentence(detection))
    return detection
  }

  #tokenize(source: string, text: string) {
    return withOpenModel(
      source,
      { signal: this.interruptSignal() },
      async ({ generationConfig, spec, loadTokenizer }) => {
        const tokenizer = await loadTokenizer()
        const { config } = resolveGenerationConfig(generationConfig)
        const ids = tokenizer.encode(text, { addSpecialTokens: false })
        return { ids, vocabSize: spec.vocabSize, bosTokenId: config.bos_token_id }
      },
    )
  }
}

/** The tokens of a file's name are no text that anyone would test. */
async function refuseFileName(text: string | undefined): Promise<void> {
  if (text === undefined || text === STDIO || !(await stat(text).catch(() => undefined))?.isFile()) return
  throw usageError(`The text is the name of a file, ${text}: give --text-file ${text} for what is in it.`)
}

function watermarkingConfig(json: string) {
  const value = parseJson(json, '--watermarking-config', 2)
  const layer = { values: { watermarking_config: value }, origin: 'the flags' }
  const { watermarking_config } = resolveGenerationConfig(layer).config
  if (watermarking_config) return watermarking_config
  throw usageError('--watermarking-config cannot be null: give {} for the defaults.')
}

function sentence(detection: WatermarkDetection): string {
  const { prediction, z_score, p_value, num_green_tokens, num_tokens_scored } = detection
  const verdict = prediction ? 'Watermarked' : 'No watermark found'
  return `${verdict}: ${num_green_tokens} of ${num_tokens_scored} tokens are green (z ${z_score.toFixed(2)}, p ${p_value.toPrecision(2)}).`
}
