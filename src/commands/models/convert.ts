import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.js'
import { modelFlags } from '../../cli/flags/model.js'
import { withOpenModel } from '../../cli/io/open-model.js'
import {
  type Converted,
  type ConvertOptions,
  checkOutput,
  convertModel,
  WRITTEN_TYPES,
} from '../../language-model/convert/convert.js'
import { transferDisplay } from '../../ui/progress.js'

export default class ModelsConvert extends BaseCommand {
  static override summary = 'Write a model as safetensors in HF layout, or as a GGUF file.'
  static override description =
    'With the tokenizer, the chat template and the settings of generation, so that other tools load it; an adapter is merged into it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> ./model -o model-q8.gguf --dtype q8_0',
    '<%= config.bin %> <%= command.id %> model.gguf -o ./model --dtype bf16',
    '<%= config.bin %> <%= command.id %> ./base --adapter ./adapter -o ./merged',
  ]
  static override args = {
    model: Args.string({
      ignoreStdin: true,
      required: true,
      description: 'directory in HF layout, .gguf file, hub id org/name[@revision][:file.gguf], or built-in',
    }),
  }
  static override flags = {
    output: Flags.string({
      char: 'o',
      required: true,
      helpValue: 'PATH',
      description: 'directory to write, or a file whose name ends in .gguf',
    }),
    dtype: Flags.string({
      options: ['auto', ...Object.keys(WRITTEN_TYPES)],
      default: 'auto',
      description: "how weights are written; auto is the model's own, and fp16 where that is quantised",
    }),
    adapter: modelFlags.adapter,
    force: Flags.boolean({ description: 'replace what is there' }),
  }

  async run(): Promise<Converted> {
    const { args, flags } = await this.parse(ModelsConvert)
    const { output, force, adapter } = flags
    const dtype = flags.dtype as ConvertOptions['dtype']
    await checkOutput(output, { dtype, force })
    const signal = this.interruptSignal()
    return withOpenModel(args.model, { adapter, signal }, async (model) => {
      const display = transferDisplay(process.stderr, 'Writing')
      const onProgress: ConvertOptions['onProgress'] = ({ done, total }) =>
        display.update({ file: output, received: done, total })
      try {
        const converted = await convertModel(model, output, { dtype, force, onProgress, signal })
        display.stop()
        this.log(converted.path)
        return converted
      } finally {
        display.stop()
      }
    })
  }
}
