import { besideLookupFlag } from '../../cli/flags/heads.js'
import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, headFlags } from '../../cli/generate/flags.js'

export default class GenerateRecycling extends GenerateCommand {
  static override summary = 'Generate the same text faster with what passes threw away: token recycling.'
  static override description =
    'Every pass says which tokens are likely after each token that it ran, guesses that were wrong included. Token recycling keeps the best 8 of each and drafts a tree of them, of as many nodes as pay. It needs no second model and nothing that is trained. The text is the one without it, token for token. In int8 and int4 near-ties may fall the other way; --exact prevents it.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m ./model --max-new-tokens 200 'Write a function that sorts a list.'",
    "<%= config.bin %> <%= command.id %> -m ./model --lookup 'Once upon a time'",
  ]
  static override args = generateArgs
  static override flags = { ...headFlags(), ...besideLookupFlag() }
  protected override readonly strategy = 'recycling'
}
