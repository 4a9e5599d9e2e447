import { BaseCommand } from '../cli/base-command.js'
import { beginChat, type ChatHost, converse } from '../cli/chat/chat.js'
import { chatFlags } from '../cli/chat/flags.js'
import { chatLines } from '../cli/chat/lines.js'
import type { ChatPort } from '../cli/chat/port.js'
import { usageError } from '../errors.js'
import { tell } from '../ui/printable.js'
import { canRedraw } from '../ui/redraw.js'

export default class Chat extends BaseCommand {
  static override summary = 'Chat with a model.'
  static override description =
    'The cache of earlier turns is kept: a turn runs only what is new. /help lists the commands, such as /strategy medusa, /set temperature 0.7 and /save FILE. Ctrl-C stops an answer, and twice at an empty prompt it leaves. Without a terminal each line of stdin is a turn; answers go to stdout, and with --json an object each.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    "<%= config.bin %> <%= command.id %> -m HuggingFaceTB/SmolLM2-135M-Instruct --system 'Answer in one sentence.'",
    '<%= config.bin %> <%= command.id %> -m ./model --strategy auto --do-sample --temperature 0.7',
    'cat questions.txt | <%= config.bin %> <%= command.id %> -m ./model --json > answers.jsonl',
  ]
  static override flags = chatFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(Chat)
    const { stdin, stdout } = process
    const isTerminal = Boolean(stdin.isTTY && canRedraw(stdout))
    if (isTerminal && this.jsonEnabled()) {
      throw usageError('--json is for chats through pipes: leave it out on a terminal.')
    }
    const signal = this.interruptSignal()
    let host: ChatHost = { note: tell, showsProgress: true }
    const { session, dispose } = await beginChat(flags, signal, {
      note: (text) => host.note(text),
      get showsProgress() {
        return host.showsProgress
      },
    })
    const stop = () => session.stop()
    signal.addEventListener('abort', stop)
    try {
      signal.throwIfAborted()
      const port = isTerminal
        ? await openView(stop, signal)
        : chatLines(stdin, stdout, { json: this.jsonEnabled(), signal })
      if (isTerminal) host = { note: (text) => port.note(text), showsProgress: false }
      const running = {
        yes: flags.yes,
        rounds: flags['tool-rounds'],
        timeout: flags['tool-timeout'],
      }
      const isFine = await converse(session, port, running).finally(() => port.close())
      if (!isFine && !isTerminal) process.exitCode = 1
    } finally {
      await dispose()
    }
  }

  /** JSON Lines, and nothing in the end. */
  protected override logJson(value: unknown): void {
    if (value !== undefined) process.stdout.write(`${JSON.stringify(value)}\n`)
  }
}

/** The interface of a terminal; ink takes as long to import as a small model takes to load. */
async function openView(onStop: () => void, signal: AbortSignal): Promise<ChatPort> {
  const { chatView } = await import('../ui/chat-view.js')
  return chatView({ onStop, signal })
}
