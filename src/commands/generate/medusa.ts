import { Flags } from '@oclif/core'
import { besideLookupFlag, medusaFlags } from '../../cli/flags/heads.js'
import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, headFlags } from '../../cli/generate/flags.js'
import { number } from '../../cli/train/flags.js'

const MEDUSA = { helpGroup: 'MEDUSA' }

export default class GenerateMedusa extends GenerateCommand {
  static override summary = 'Generate the same text faster with Medusa heads.'
  static override description =
    "Heads (--medusa-heads; the built-in model has some) guess the tokens after the next one, and the model checks a tree of their guesses in one pass. The text is the one without them, token for token; with --typical-acceptance it is not the model's own, but goes faster. In int8 and int4 near-ties may fall the other way; --exact prevents it."
  static override examples = [
    "<%= config.bin %> <%= command.id %> 'Once upon a time'",
    "<%= config.bin %> <%= command.id %> -m ./model --medusa-heads ./medusa --medusa-nodes 16 'Once upon a time'",
    '<%= config.bin %> <%= command.id %> -m ./model --medusa-heads ./medusa --lookup --prompt-file article.txt',
    "<%= config.bin %> <%= command.id %> -m ./model --medusa-heads ./medusa --do-sample --typical-acceptance 'Once upon a time'",
  ]
  static override args = generateArgs
  static override flags = {
    ...headFlags(),
    ...medusaFlags('as many as pay; 16 with --typical-acceptance'),
    ...besideLookupFlag({ exclusive: ['typical-acceptance'] }),
    'typical-acceptance': Flags.boolean({
      ...MEDUSA,
      description: "accept what is probable enough (lossy: the text is not distributed as the model's own)",
    }),
    'posterior-threshold': number({
      ...MEDUSA,
      min: 0,
      max: 1,
      helpValue: 'X',
      description: 'probability that is always enough for typical acceptance [0.09]',
      dependsOn: ['typical-acceptance'],
    }),
    'posterior-alpha': number({
      ...MEDUSA,
      min: 0,
      helpValue: 'X',
      description: 'share of exp(-entropy) that is enough for typical acceptance [0.3]',
      dependsOn: ['typical-acceptance'],
    }),
  }
  protected override readonly strategy = 'medusa'

  protected override async check({ 'typical-acceptance': isTypical }: Readonly<Record<string, unknown>>) {
    if (isTypical) this.logToStderr("Typical acceptance: the text is not distributed as the model's own.")
  }
}
