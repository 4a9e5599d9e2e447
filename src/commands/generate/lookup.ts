import { GenerateCommand } from '../../cli/generate-command.js'
import { generateArgs, generateFlags } from '../../cli/generate-flags.js'
import { fieldsOf } from '../../generation/config.js'
import { throughputControl } from '../../generation/step-costs.js'

/** Tokens of the longest draft where its length is what pays. */
const MOST = 24

export default class GenerateLookup extends GenerateCommand {
  static override summary = 'Generate the same text faster where it repeats its prompt: prompt lookup.'
  static override description =
    'Drafts what followed the last tokens where they stood before, as many of them as pay, or --prompt-lookup-num-tokens. The text is the one without it; summaries, edits and code gain most.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m model.gguf 'Repeat three times: the quick brown fox'",
    'cat article.txt | <%= config.bin %> <%= command.id %> -m model.gguf --max-matching-ngram-size 3 --max-new-tokens 200',
  ]
  static override args = generateArgs
  static override flags = generateFlags(fieldsOf('beam search', 'contrastive search and DoLa'))

  async run() {
    const { args, flags } = await this.parse(GenerateLookup)
    return this.generate(args.prompt, flags, {
      fixed: { num_beams: 1 },
      defaults: { prompt_lookup_num_tokens: MOST },
      modes: ['assisted_generation'],
      draft: async ({ model, costs, isSet }) => {
        if (isSet(['prompt_lookup_num_tokens'])) return undefined
        const free = { most: MOST, cost: () => 0 }
        return { options: { createControl: await throughputControl(model, free, costs) } }
      },
    })
  }
}
