import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.js'
import { pullModel } from '../../hub/index.js'
import { faultOfGguf } from '../../language-model/locate.js'
import { EXPORT_TYPES, type ExportType, exportChooser } from '../../language-model/road.js'
import { transferDisplay } from '../../ui/progress.js'

export default class ModelsPull extends BaseCommand {
  static override summary = 'Pull a model from the hub into the cache that is shared with Python.'
  static override description =
    'Only the files that are needed are pulled: configuration, tokenizer and safetensors weights, or one GGUF file with all its parts, or the ONNX file of one dtype where there is no graph for the weights. ' +
    'A pull that was interrupted goes on where it stopped. HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE count.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> HuggingFaceTB/SmolLM2-135M-Instruct',
    '<%= config.bin %> <%= command.id %> HuggingFaceTB/SmolLM2-135M-Instruct@main',
    '<%= config.bin %> <%= command.id %> Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M',
    '<%= config.bin %> <%= command.id %> Qwen/Qwen2.5-0.5B-Instruct-GGUF:qwen2.5-0.5b-instruct-q4_0.gguf',
  ]
  static override args = {
    id: Args.string({
      ignoreStdin: true,
      description: 'org/name[@revision][:file.gguf or :Q4_K_M]',
      required: true,
    }),
  }

  static override flags = {
    dtype: Flags.string({
      options: ['auto', ...EXPORT_TYPES],
      default: 'auto',
      description: 'of ONNX files: which one is pulled; auto takes what config.json names, or float32',
    }),
  }

  async run(): Promise<{ id: string; path: string }> {
    const { args, flags } = await this.parse(ModelsPull)
    const display = transferDisplay()
    try {
      const path = await pullModel(args.id, {
        signal: this.interruptSignal(),
        onProgress: display.update,
        onNotice: display.notice,
        chooseExport: exportChooser(args.id, flags.dtype as ExportType | 'auto'),
        faultOfGguf,
      })
      display.stop()
      this.log(path)
      return { id: args.id, path }
    } finally {
      display.stop()
    }
  }
}
