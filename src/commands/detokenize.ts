import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.js'
import { modelFlags } from '../cli/flags/model.js'
import { loadTokenizerShown } from '../cli/io/load-tokenizer.js'
import { writer } from '../cli/io/plain-output.js'
import { readTextInput } from '../cli/io/text-input.js'
import { readIds, requireTokens } from '../cli/tokenize/ids.js'

/** JSON of `llm detokenize --json`. */
export interface DetokenizationJson {
  readonly text: string
  readonly ids: readonly number[]
  /** As the vocabulary spells them. */
  readonly tokens: readonly string[]
}

export default class Detokenize extends BaseCommand {
  static override summary = 'Show the text of token ids.'
  static override description =
    'Loads the tokenizer alone. Bytes that are no UTF-8, such as those of half a character, become U+FFFD.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> -m ./model 19556 905',
    "<%= config.bin %> tokenize -m ./model --ids 'Hello world' | <%= config.bin %> <%= command.id %> -m ./model",
  ]
  static override strict = false
  static override args = {
    ids: Args.string({
      description:
        'the ids, with spaces or commas between them, a JSON list, or what `tokenize --json` prints; from stdin where they are left out or -',
      ignoreStdin: true,
    }),
  }
  static override flags = {
    model: modelFlags.model,
    'ids-file': Flags.string({
      helpValue: 'FILE',
      description: 'read the ids from a file; - for stdin',
      helpGroup: 'TOKENS',
    }),
    'skip-special-tokens': Flags.boolean({
      description: 'leave special tokens out of the text',
      helpGroup: 'TOKENS',
    }),
  }

  async run(): Promise<DetokenizationJson> {
    const { raw, flags } = await this.parse(Detokenize)
    // oclif's argv has equal words side by side.
    const words = raw.flatMap(({ type, input }) => (type === 'arg' ? [input] : []))
    const argument = words.length > 0 ? words.join(' ') : undefined
    const file = flags['ids-file']
    const ids = readIds(await readTextInput({ argument, file, fileFlag: 'ids-file', what: 'list of ids' }))
    const tokenizer = await loadTokenizerShown(flags.model, this.interruptSignal())
    requireTokens(ids, tokenizer)
    const text = tokenizer.decode(ids, { skipSpecialTokens: flags['skip-special-tokens'] })
    if (!this.jsonEnabled()) await writer(process.stdout)(`${text}\n`)
    return { text, ids, tokens: ids.map((id) => tokenizer.idToToken(id)!) }
  }
}
