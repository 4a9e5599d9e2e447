import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, generateFlags } from '../../cli/generate/flags.js'
import { fieldsOf } from '../../config/index.js'

export default class GenerateSample extends GenerateCommand {
  static override summary = 'Generate text with tokens drawn at random.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m model.gguf --temperature 0.7 --top-p 0.9 --seed 1 'Once upon a time'",
    "<%= config.bin %> <%= command.id %> -m model.gguf --num-return-sequences 4 'Once upon a time'",
  ]
  static override args = generateArgs
  static override flags = generateFlags([
    'do_sample',
    ...fieldsOf('beam search', 'contrastive search and DoLa'),
  ])
  protected override readonly strategy = 'sample'
}
