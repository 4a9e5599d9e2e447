import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../cli/base-command.js'
import { modelFlags } from '../cli/flags/model.js'
import { loadTokenizerShown } from '../cli/io/load-tokenizer.js'
import { readTemplate, readTextInput } from '../cli/io/text-input.js'
import { chatText, readMessages } from '../cli/tokenize/chat.js'
import { type TokenizationJson, tokenization, tokenLines } from '../cli/tokenize/rows.js'
import { usageError } from '../errors.js'

const CHAT = { helpGroup: 'CHAT' }
const TOKENS = { helpGroup: 'TOKENS' }

export default class Tokenize extends BaseCommand {
  static override summary =
    'Show the tokens of a text: ids, spellings, and the characters that each stands for.'
  static override description =
    'Loads the tokenizer alone. Characters are counted in code points, as `return_offsets_mapping` of HF does. With --chat the text goes through the chat template first, so that one sees what `llm generate` gives the model.'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m ./model 'Hello world'",
    '<%= config.bin %> <%= command.id %> -m model.gguf --text-file book.txt --count',
    "<%= config.bin %> <%= command.id %> -m ./model --chat --system 'Be brief.' Hello",
  ]
  static override args = {
    text: Args.string({ description: 'the text; from stdin where it is left out or -', ignoreStdin: true }),
  }
  static override flags = {
    model: modelFlags.model,
    'text-file': Flags.string({
      ...TOKENS,
      helpValue: 'FILE',
      description: 'read the text from a file; - for stdin',
    }),
    'special-tokens': Flags.boolean({
      ...TOKENS,
      allowNo: true,
      description: 'with the tokens that the model wants around a text [yes; a chat template writes its own]',
      exclusive: ['chat', 'messages'],
    }),
    count: Flags.boolean({ ...TOKENS, description: 'only how many tokens there are', exclusive: ['ids'] }),
    ids: Flags.boolean({ ...TOKENS, description: 'only the ids, on one line' }),
    chat: Flags.boolean({ ...CHAT, description: "the text as a user's message, in the chat template" }),
    messages: Flags.string({
      ...CHAT,
      helpValue: 'FILE',
      description: 'a chat from a JSON file, a list of messages or an object with such a list; - for stdin',
      exclusive: ['chat', 'system', 'text-file'],
    }),
    system: Flags.string({
      ...CHAT,
      helpValue: 'TEXT',
      description: 'system message of the chat',
      dependsOn: ['chat'],
    }),
    'chat-template': Flags.string({
      ...CHAT,
      helpValue: 'FILE|JINJA',
      description: "chat template in place of the model's own; - for stdin",
      relationships: [{ type: 'some', flags: ['chat', 'messages'] }],
    }),
    'enable-thinking': Flags.boolean({
      ...CHAT,
      allowNo: true,
      aliases: ['thinking'],
      description: 'whether the model thinks, where the template has the switch; --thinking for short',
      relationships: [{ type: 'some', flags: ['chat', 'messages'] }],
    }),
    'generation-prompt': Flags.boolean({
      ...CHAT,
      allowNo: true,
      description: "with the beginning of the model's answer, as generation has it [yes]",
      relationships: [{ type: 'some', flags: ['chat', 'messages'] }],
    }),
  }

  async run(): Promise<Partial<TokenizationJson>> {
    const { args, flags } = await this.parse(Tokenize)
    const { messages: file, system } = flags
    if (file !== undefined && args.text !== undefined) {
      throw usageError('A text and --messages are both given: leave one of them out.')
    }
    const template = await readTemplate(flags['chat-template'])
    const read = {
      argument: args.text,
      file: flags['text-file'],
      fileFlag: 'text-file',
      what: 'text',
      mayBeBlank: true,
    }
    const messages = file === undefined ? undefined : await readMessages(file)
    const text = messages ? '' : await readTextInput(read)
    const tokenizer = await loadTokenizerShown(flags.model, this.interruptSignal())
    const isChat = flags.chat || messages !== undefined
    const prompt = isChat
      ? chatText(tokenizer, messages ?? text, {
          system,
          template,
          enableThinking: flags['enable-thinking'],
          ends: flags['generation-prompt'] ?? true,
        })
      : text
    const { tokens, ...shown } = tokenization(prompt, tokenizer, !isChat && (flags['special-tokens'] ?? true))
    const { count, characters, ids } = shown
    if (flags.count) {
      this.log(String(count))
      return { count, characters }
    }
    if (flags.ids) this.log(ids.join(' '))
    else for (const line of tokenLines(tokens)) this.log(line)
    this.logToStderr(`${count} token${count === 1 ? '' : 's'} · ${characters} characters`)
    return { ...shown, ...(!flags.ids && { tokens }), ...(isChat && { prompt }) }
  }
}
