import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, generateFlags } from '../../cli/generate/flags.js'
import { fieldsOf } from '../../config/index.js'
import { usageError } from '../../errors.js'

export default class GenerateEarlyExit extends GenerateCommand {
  static override summary = "Generate the same text faster with drafts of the model's own first layers."
  static override description =
    'The first --assistant-early-exit layers draft, as many tokens as pay or --num-assistant-tokens, and the whole model checks the draft in one pass. It pays with models that were trained for early exits (LayerSkip). Greedy text is the one without it; sampled text has the same distribution. In int8 and int4 near-ties may fall the other way; --exact prevents it.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m ./model --assistant-early-exit 4 'Once upon a time'",
    "<%= config.bin %> <%= command.id %> -m ./model --assistant-early-exit 8 --num-assistant-tokens 3 'Once upon a time'",
  ]
  static override args = generateArgs
  static override flags = generateFlags([
    'prompt_lookup_num_tokens',
    'max_matching_ngram_size',
    'assistant_lookbehind',
    'target_lookbehind',
    ...fieldsOf('beam search', 'contrastive search and DoLa'),
  ])
  protected override readonly strategy = 'early-exit'

  protected override async check(flags: Readonly<Record<string, unknown>>) {
    if (flags['assistant-early-exit'] !== undefined) return
    throw usageError('There is no layer to exit from: give its number with --assistant-early-exit.')
  }
}
