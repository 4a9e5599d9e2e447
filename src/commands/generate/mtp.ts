import { join } from 'node:path'
import { besideLookupFlag, mtpFlags } from '../../cli/flags/heads.js'
import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, headFlags } from '../../cli/generate/flags.js'
import { loadMtp } from '../../drafting/heads.js'
import { STRATEGY_KINDS } from '../../drafting/strategy-kinds.js'
import { usageError } from '../../errors.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from '../../language-model/built-in.js'

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

  async run() {
    const { args, flags } = await this.parse(GenerateMtp)
    const directory =
      flags['mtp-modules'] ?? (flags.model === BUILT_IN ? join(BUILT_IN_DIRECTORY, 'mtp') : undefined)
    if (directory === undefined) {
      throw usageError(
        'There are no modules: give some with --mtp-modules, or make them with `llm train mtp`.',
      )
    }
    const { 'mtp-depth': depth, lookup } = flags
    return this.generate(args.prompt, flags, {
      ...STRATEGY_KINDS.mtp,
      draft: ({ model, costs }) => loadMtp(directory, model, { depth, lookup, ...costs }),
    })
  }
}
