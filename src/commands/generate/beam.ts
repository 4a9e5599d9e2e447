import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, generateFlags } from '../../cli/generate/flags.js'
import { fieldsOf } from '../../config/index.js'

export default class GenerateBeam extends GenerateCommand {
  static override summary = 'Generate text with beam search: the best of several sequences.'
  static override description =
    'With --do-sample beams are drawn, with --num-beam-groups they differ by group, and with --force-words-ids words have to occur. Four beams by default.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m model.gguf --num-beams 8 'The capital of France is'",
    "<%= config.bin %> <%= command.id %> -m model.gguf --num-return-sequences 3 --json 'Once upon a time'",
    "<%= config.bin %> <%= command.id %> -m model.gguf --num-beams 6 --num-beam-groups 3 --diversity-penalty 1 'Once upon a time'",
  ]
  static override args = generateArgs
  static override flags = generateFlags(fieldsOf('contrastive search and DoLa'))
  protected override readonly strategy = 'beam'
}
