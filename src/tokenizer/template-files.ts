import { join } from 'node:path'
import { UserError, usageError } from '../errors.js'
import { namesInIfThere, readJsonIfThere, readText, readTextIfThere } from '../files.js'
import { isJsonObject, kindOf } from '../json.js'
import { isTemplate } from './chat-template.js'

/** Directory of templates beside `chat_template.jinja`, a file NAME.jinja each. */
const MORE_TEMPLATES = 'additional_chat_templates'

/**
 * The chat templates in a model's directory, as transformers 5 reads them: `chat_template.jinja` and those of
 * `additional_chat_templates`, by name, win over `chat_template.json`, and this over `tokenizer_config.json`.
 * @param configured `chat_template` of tokenizer_config.json
 * @returns what `ChatTemplates` takes
 */
export async function readTemplateFiles(directory: string, configured: unknown): Promise<unknown> {
  const [main, legacy, more] = await Promise.all([
    readTextIfThere(join(directory, 'chat_template.jinja')),
    readJsonIfThere(join(directory, 'chat_template.json')),
    readMore(join(directory, MORE_TEMPLATES)),
  ])
  const named = main === undefined ? more : { default: main, ...more }
  if (Object.keys(named).length > 0) return named
  const template = isJsonObject(legacy) ? legacy.chat_template : undefined
  return template ?? configured
}

async function readMore(directory: string): Promise<Record<string, string>> {
  const names = await namesInIfThere(directory)
  const files = names.filter((name) => name.endsWith('.jinja'))
  const texts = await Promise.all(files.map((name) => readText(join(directory, name))))
  return Object.fromEntries(files.map((name, i) => [name.slice(0, -'.jinja'.length), texts[i]]))
}

/** A model's chat templates: one, or several by name. */
export class ChatTemplates {
  private readonly named: ReadonlyMap<string, unknown>

  /** @param configured a template, a list of `{name, template}`, or templates by name; anything else is told when it is used */
  constructor(private readonly configured: unknown) {
    const entries = Array.isArray(configured)
      ? configured.map((entry: unknown) =>
          isJsonObject(entry) ? [entry.name, entry.template] : [undefined, undefined],
        )
      : Object.entries(isJsonObject(configured) ? configured : {})
    this.named = new Map(entries as [string, unknown][])
  }

  get isEmpty(): boolean {
    return this.configured === undefined || this.configured === null
  }

  /** The template for plain chats; undefined where there is none, and where none can be chosen. */
  get plain(): string | undefined {
    const template = this.named.size > 0 ? this.named.get('default') : this.configured
    return typeof template === 'string' ? template : undefined
  }

  /**
   * The template to use: the one that is given, or the one of the name that is given, else `tool_use` where tools are given and it
   * is there, else the only one or `default`.
   * @throws UserError without a template, where none of several is the default, and for what is none
   */
  pick(hasTools: boolean, given: string | undefined): string {
    if (given !== undefined) return this.given(given)
    if (this.isEmpty) throw usageError(NONE)
    if (typeof this.configured === 'string') return this.configured
    const name = hasTools && this.named.has('tool_use') ? 'tool_use' : 'default'
    const template = this.named.get(name)
    if (typeof template === 'string') return template
    if (this.named.size === 0 || this.named.has(name) || !this.areNamed()) throw new UserError(this.fault())
    throw usageError(
      `This model has several chat templates and none called "default": give one of ${this.names()} with --chat-template.`,
    )
  }

  private given(template: string): string {
    const named = this.named.get(template)
    if (typeof named === 'string') return named
    // A file without any tag is a template too, if one that says nothing of the chat.
    if (isTemplate(template) || !/^[\w-]*$/.test(template) || template === '') return template
    const names =
      this.areNamed() && this.named.size > 0 ? ` nor the name of one of this model (${this.names()})` : ''
    throw usageError(
      `The chat template "${template}" is neither a readable file nor a Jinja template${names}: give one of these.`,
    )
  }

  private areNamed(): boolean {
    return [...this.named].every(
      ([name, template]) => typeof name === 'string' && typeof template === 'string',
    )
  }

  private names(): string {
    return [...this.named.keys()].join(', ')
  }

  private fault(): string {
    const { configured } = this
    const wanted = 'give a template with --chat-template, or the prompt as it is with --raw'
    const isList = Array.isArray(configured) || isJsonObject(configured)
    const what = isList
      ? `${kindOf(configured)} that holds something else than templates by name`
      : kindOf(configured)
    return `The model's chat_template is ${what}, where a text is needed: ${wanted}.`
  }
}

const NONE =
  'This model has no chat template: give one with --chat-template, or the prompt as it is with --raw.'
