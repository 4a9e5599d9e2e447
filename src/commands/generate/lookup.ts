import { Flags } from '@oclif/core'
import { requireDocuments } from '../../cli/evaluation-documents.js'
import { GenerateCommand, generateArgs, generateFlags } from '../../cli/generate-command.js'
import { openLookupCorpus } from '../../cli/lookup-corpus.js'
import { fieldsOf } from '../../generation/config.js'
import type { LoadedDrafter } from '../../generation/heads.js'
import type { LanguageModel } from '../../generation/load-model.js'

export default class GenerateLookup extends GenerateCommand {
  static override summary =
    'Generate the same text faster where it repeats its prompt, or other text: prompt lookup.'
  static override description =
    'Drafts what followed the last tokens where they stood before, --prompt-lookup-num-tokens at a time (10 by default). With --lookup-corpus it looks in other text as well, and drafts a tree of what followed there most often (REST). The text is the one without drafts; summaries, edits and code gain most.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m model.gguf 'Repeat three times: the quick brown fox'",
    'cat article.txt | <%= config.bin %> <%= command.id %> -m model.gguf --max-matching-ngram-size 3 --max-new-tokens 200',
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

  async run() {
    const { args, flags } = await this.parse(GenerateLookup)
    const { 'lookup-corpus': files } = flags
    if (files) await requireDocuments(files, {})
    return this.generate(args.prompt, flags, {
      fixed: { num_beams: 1 },
      defaults: { prompt_lookup_num_tokens: 10 },
      modes: ['assisted_generation'],
      draft: files && ((model) => this.#corpus(files, model)),
    })
  }

  async #corpus(files: readonly string[], { tokenizer }: LanguageModel): Promise<LoadedDrafter> {
    const lookupCorpus = await openLookupCorpus(files, { tokenizer, signal: this.interruptSignal() })
    return { options: { lookupCorpus }, dispose: async () => {} }
  }
}
