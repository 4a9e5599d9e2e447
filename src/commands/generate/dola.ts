import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, generateFlags } from '../../cli/generate/flags.js'
import { fieldsOf } from '../../config/index.js'

export default class GenerateDola extends GenerateCommand {
  static override summary = 'Generate text with DoLa: what the last layer knows better than earlier ones.'
  static override description =
    'Takes the scores of an early layer off those of the last one. --dola-layers says which: "low" (by default) for long answers, "high" for short ones, or a list such as [0,2,4]. --repetition-penalty 1.2 is advised.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m model.gguf --repetition-penalty 1.2 'What is the capital of Australia?'",
    "<%= config.bin %> <%= command.id %> -m model.gguf --dola-layers high 'Who wrote Hamlet?'",
  ]
  static override args = generateArgs
  static override flags = generateFlags(['penalty_alpha', ...fieldsOf('beam search')])
  protected override readonly strategy = 'dola'
}
