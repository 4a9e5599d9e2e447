import { Flags } from '@oclif/core'
import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, generateFlags } from '../../cli/generate/flags.js'
import { fieldsOf } from '../../config/index.js'

export default class GenerateSpeculative extends GenerateCommand {
  static override summary = 'Generate the same text faster with a draft model: speculative decoding.'
  static override description =
    'A smaller model (--assistant-model; the built-in model has one) drafts, as many tokens as pay or --num-assistant-tokens, and this one checks the draft in one pass. Greedy text is the one without it; sampled text has the same distribution. With --draft-nodes it drafts trees, and a model of other tokens drafts by way of text: then sampled text, too, is the one without it. In int8 and int4 near-ties may fall the other way; --exact prevents it.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> 'Once upon a time'",
    "<%= config.bin %> <%= command.id %> -m ./model --assistant-model ./draft --num-assistant-tokens 5 'Once upon a time'",
    "<%= config.bin %> <%= command.id %> -m ./model --assistant-model ./draft --do-sample --seed 1 'Once upon a time'",
    "<%= config.bin %> <%= command.id %> -m ./model --assistant-model ./draft --draft-nodes 16 --num-assistant-tokens 6 'Once upon a time'",
  ]
  static override args = generateArgs
  static override flags = {
    ...generateFlags([
      'prompt_lookup_num_tokens',
      'max_matching_ngram_size',
      ...fieldsOf('beam search', 'contrastive search and DoLa'),
    ]),
    'draft-nodes': Flags.integer({
      min: 1,
      max: 256,
      helpValue: 'N',
      description:
        'draft a tree of the N likeliest nodes, --num-assistant-tokens deep at most, in place of a chain',
      helpGroup: 'ASSISTED GENERATION',
    }),
  }
  protected override readonly strategy = 'speculative'
}
