import { besideLookupFlag, mtpFlags } from '../../cli/flags/heads.js'
import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, headFlags } from '../../cli/generate/flags.js'

export default class GenerateMtp extends GenerateCommand {
  static override summary = 'Generate the same text faster with modules of multi-token prediction.'
  static override description =
    "A module (--mtp-modules; the built-in model has one) guesses a token from the model's hidden state, takes it in, and guesses the next; parallel heads each guess one token from the model's own states. The model checks all guesses in one pass. The text is the one without it, token for token. In int8 and int4 near-ties may fall the other way; --exact prevents it."
  static override examples = [
    "<%= config.bin %> <%= command.id %> 'Once upon a time'",
    "<%= config.bin %> <%= command.id %> -m ./model --mtp-modules ./mtp --mtp-depth 4 'Once upon a time'",
  ]
  static override args = generateArgs
  static override flags = {
    ...headFlags(),
    ...mtpFlags(),
    ...besideLookupFlag(),
  }
  protected override readonly strategy = 'mtp'
}
