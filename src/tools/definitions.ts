import { usageError } from '../errors.js'

type Fields = { readonly [field: string]: unknown }

/** A function that a model may call. */
export interface ToolDefinition {
  readonly name: string
  readonly description?: string
  /** JSON schema of its arguments, an object. */
  readonly parameters: Fields
  /** As OpenAI has it, for chat templates. */
  readonly definition: { readonly type: 'function'; readonly function: Fields }
  /** A program and its arguments that runs the tool, or a text for the shell where `shell` is set. */
  readonly command?: string | readonly string[]
}

/** Names as OpenAI allows them, and those with dots, which other servers have. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/
/** Tools of one request. */
const MOST_TOOLS = 128

const NO_ARGUMENTS = { type: 'object', properties: {}, additionalProperties: false }

/**
 * Reads tools in OpenAI's format: a list of `{"type": "function", "function": {name, description, parameters}}`, also of bare functions, of
 * Anthropic's with `input_schema`, and within `{"tools": […]}`.
 * @throws UserError, exit code 2, with the place of what is wrong
 */
export function readTools(value: unknown): readonly ToolDefinition[] {
  const list = Array.isArray(value)
    ? value
    : isFields(value) && Array.isArray(value.tools)
      ? value.tools
      : undefined
  if (!list) throw usageError('tools is no list: give a list of functions as OpenAI has them.')
  if (list.length === 0) throw usageError('tools has no functions: give one, or leave it out.')
  if (list.length > MOST_TOOLS)
    throw usageError(`tools has ${list.length} functions, and ${MOST_TOOLS} are allowed.`)
  const tools = list.map(readTool)
  const names = tools.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined)
    throw usageError(`tools has two functions ${JSON.stringify(twice)}: give each a name of its own.`)
  return tools
}

function readTool(value: unknown, place: number): ToolDefinition {
  const fault = (why: string) => usageError(`tools[${place}] ${why}.`)
  if (!isFields(value)) throw fault('is no object')
  if (value.type !== undefined && value.type !== 'function' && isFields(value.function))
    throw fault(`has the type ${JSON.stringify(value.type)}: functions alone are served`)
  const own = isFields(value.function) ? value.function : value
  const { name, description, parameters, input_schema: input } = own
  if (typeof name !== 'string') throw fault('has no name')
  if (!NAME.test(name))
    throw fault(`is called ${JSON.stringify(name)}: give up to 64 letters, digits, _, - and .`)
  const schema = parameters ?? input ?? NO_ARGUMENTS
  if (!isFields(schema)) throw fault(`(${name}) has parameters that are no JSON schema of an object`)
  if (schema.type !== undefined && schema.type !== 'object')
    throw fault(
      `(${name}) has parameters of the type ${JSON.stringify(schema.type)}: arguments are an object`,
    )
  if (description !== undefined && typeof description !== 'string')
    throw fault(`(${name}) has a description that is no text`)
  const command = value.command ?? own.command
  const said = description === undefined ? {} : { description }
  return {
    name,
    ...said,
    parameters: closed(schema),
    definition: { type: 'function', function: { name, ...said, parameters: schema } },
    ...(command !== undefined && { command: commandOf(command, value.shell ?? own.shell, fault) }),
  }
}

/** Arguments have no other names than those that are told, unless the schema says so. */
function closed(schema: Fields): Fields {
  const isOpen = [
    'additionalProperties',
    'patternProperties',
    'unevaluatedProperties',
    'allOf',
    'anyOf',
    'oneOf',
    '$ref',
  ].some((keyword) => keyword in schema)
  return { ...schema, type: 'object', ...(isOpen ? {} : { additionalProperties: false }) }
}

function commandOf(
  command: unknown,
  shell: unknown,
  fault: (why: string) => Error,
): string | readonly string[] {
  if (Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === 'string'))
    return command
  if (typeof command !== 'string' || command.trim() === '')
    throw fault('has a command that is no list of words')
  if (shell === true) return command
  if (/[\s'"|&;<>$`\\*?]/.test(command))
    throw fault('has a command that a shell would read: give a list of words, or set "shell" to true')
  return [command]
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Which calls an answer may have. */
export interface ToolChoice {
  /** auto: text and calls; required: calls alone; none: text alone. */
  readonly mode: 'auto' | 'required' | 'none'
  readonly tools: readonly ToolDefinition[]
}

/**
 * Reads OpenAI's `tool_choice`: auto, required (also any), none, a name, `{"type": "function", "function": {"name"}}`, and allowed_tools.
 * @throws UserError, exit code 2, for a name that no tool has
 */
export function readToolChoice(choice: unknown, tools: readonly ToolDefinition[]): ToolChoice {
  if (choice === undefined || choice === 'auto') return { mode: 'auto', tools }
  if (choice === 'required' || choice === 'any') return { mode: 'required', tools }
  if (choice === 'none') return { mode: 'none', tools }
  if (isFields(choice) && choice.type === 'allowed_tools') {
    const given = isFields(choice.allowed_tools) ? choice.allowed_tools : choice
    const names = Array.isArray(given.tools) ? given.tools.map(nameOf) : []
    return {
      mode: given.mode === 'required' ? 'required' : 'auto',
      tools: names.map((name) => named(name, tools)),
    }
  }
  return { mode: 'required', tools: [named(nameOf(choice), tools)] }
}

function nameOf(choice: unknown): unknown {
  if (!isFields(choice)) return choice
  return isFields(choice.function) ? choice.function.name : (choice.name ?? choice.type)
}

function named(name: unknown, tools: readonly ToolDefinition[]): ToolDefinition {
  const found = tools.find((tool) => tool.name === name)
  if (found) return found
  const names = tools.map((tool) => tool.name).join(', ')
  throw usageError(
    `tool_choice names ${JSON.stringify(name)}, which no tool is called: give auto, required, none or one of ${names}.`,
  )
}
