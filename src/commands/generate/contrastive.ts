import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, generateFlags } from '../../cli/generate/flags.js'
import { fieldsOf } from '../../config/index.js'

export default class GenerateContrastive extends GenerateCommand {
  static override summary = 'Generate text with contrastive search: probable tokens that do not repeat.'
  static override description =
    'Of the --top-k best tokens (4 by default) the one that is also unlike what came before, weighed by --penalty-alpha (0.6 by default).'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m model.gguf 'DeepMind Company is'",
    "<%= config.bin %> <%= command.id %> -m model.gguf --penalty-alpha 0.4 --top-k 8 'Once upon a time'",
  ]
  static override args = generateArgs
  static override flags = generateFlags(['do_sample', 'dola_layers', ...fieldsOf('beam search')])
  protected override readonly strategy = 'contrastive'
}
