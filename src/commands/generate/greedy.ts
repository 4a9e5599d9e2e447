import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, generateFlags } from '../../cli/generate/flags.js'
import { fieldsOf } from '../../config/index.js'

export default class GenerateGreedy extends GenerateCommand {
  static override summary = 'Generate text with the best token of each step.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m model.gguf --max-new-tokens 64 'The capital of France is'",
  ]
  static override args = generateArgs
  static override flags = generateFlags([
    'do_sample',
    ...fieldsOf('beam search', 'contrastive search and DoLa'),
  ])
  protected override readonly strategy = 'greedy'
}
