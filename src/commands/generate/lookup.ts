import { Flags } from '@oclif/core'
import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, generateFlags } from '../../cli/generate/flags.js'
import { fieldsOf } from '../../config/index.js'
import { requireDocuments } from '../../evaluate/documents.js'

export default class GenerateLookup extends GenerateCommand {
  static override summary =
    'Generate the same text faster where it repeats its prompt, or other text: prompt lookup.'
  static override description =
    'Drafts what followed the last tokens where they stood before, as many of them as pay, or --prompt-lookup-num-tokens. With --lookup-corpus it looks in other text as well, and drafts a tree of what followed there most often (REST). The text is the one without drafts; summaries, edits and code gain most. In int8 and int4 near-ties may fall the other way; --exact prevents it.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m model.gguf 'Repeat three times: the quick brown fox'",
    '$ cat article.txt | <%= config.bin %> <%= command.id %> -m model.gguf --max-matching-ngram-size 3 --max-new-tokens 200',
    "<%= config.bin %> <%= command.id %> -m model.gguf --lookup-corpus answers.jsonl 'How do I reset my password?'",
  ]
  static override args = generateArgs
  static override flags = {
    ...generateFlags(fieldsOf('beam search', 'contrastive search and DoLa')),
    'lookup-corpus': Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'FILE',
      helpGroup: 'STRATEGY',
      description:
        'text or JSON Lines to look in as well, indexed once; --max-matching-ngram-size is 16 then by default, and at most',
    }),
  }
  protected override readonly strategy = 'lookup'

  protected override async check({ 'lookup-corpus': files }: Readonly<Record<string, unknown>>) {
    if (files) await requireDocuments(files as string[], {})
  }
}
