import { join } from 'node:path'
import { assistantControl } from '../../cli/assistant-control.js'
import { GenerateCommand } from '../../cli/generate-command.js'
import { generateArgs, generateFlags } from '../../cli/generate-flags.js'
import { usageError } from '../../errors.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from '../../generation/built-in.js'
import { fieldsOf } from '../../generation/config.js'
import { STRATEGY_KINDS } from '../../generation/strategy-kinds.js'

export default class GenerateSpeculative extends GenerateCommand {
  static override summary = 'Generate the same text faster with a draft model: speculative decoding.'
  static override description =
    'A smaller model with the same tokens (--assistant-model; the built-in model has one) drafts, as many tokens as pay or --num-assistant-tokens, and this one checks the draft in one pass. Greedy text is the one without it; sampled text has the same distribution.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> 'Once upon a time'",
    "<%= config.bin %> <%= command.id %> -m ./model --assistant-model ./draft --num-assistant-tokens 5 'Once upon a time'",
    "<%= config.bin %> <%= command.id %> -m ./model --assistant-model ./draft --do-sample --seed 1 'Once upon a time'",
  ]
  static override args = generateArgs
  static override flags = generateFlags([
    'prompt_lookup_num_tokens',
    'max_matching_ngram_size',
    ...fieldsOf('beam search', 'contrastive search and DoLa'),
  ])

  async run() {
    const { args, flags } = await this.parse(GenerateSpeculative)
    const own = flags.model === BUILT_IN ? join(BUILT_IN_DIRECTORY, 'draft') : undefined
    const assistant = (flags['assistant-model'] as string | undefined) ?? own
    if (assistant === undefined) {
      throw usageError(
        'There is no draft model: give one with --assistant-model, or make it with `llm train draft`.',
      )
    }
    return this.generate(
      args.prompt,
      { ...flags, 'assistant-model': assistant },
      { ...STRATEGY_KINDS.speculative, draft: assistantControl },
    )
  }
}
