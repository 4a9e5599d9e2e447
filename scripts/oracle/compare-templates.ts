/**
 * Renders chat templates and compares the prompts with those of transformers (templates.py tells how).
 *
 *     npx tsx scripts/oracle/compare-templates.ts DIRECTORY rendered.json
 *
 * A prompt agrees where it is the same, or where both sides refuse the conversation. Content parts may be one text for each message
 * where transformers fails, prints them as Python prints a list, or leaves them out; texts that it leaves out may be parts, or refused. Exit code 1 where any prompt differs.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderChatTemplate } from '../../src/tokenizer/chat-template.js'
import { exactJson } from '../../src/tokenizer/exact-json.js'
import type { Message } from '../../src/tokenizer/message.js'

interface Result {
  readonly text?: string
  readonly error?: string
  readonly joined?: Result
  readonly parts?: Result
}

interface Rendered {
  readonly now: string
  readonly special: Readonly<Record<string, string>>
  readonly conversations: Readonly<Record<string, string>>
  readonly results: Readonly<Record<string, Readonly<Record<string, Result>>>>
}

const [directory, file] = process.argv.slice(2)
const { now, special, conversations, results } = JSON.parse(readFileSync(file, 'utf8')) as Rendered

// The clock of templates.py.
globalThis.Date = new Proxy(Date, {
  construct: (target, args) => Reflect.construct(target, args.length === 0 ? [now] : args) as Date,
})

function render(template: string, json: string): Result {
  const options = exactJson(json, JSON.parse(json) as Readonly<Record<string, unknown>>)
  const { messages, tools, add_generation_prompt = true, ...variables } = options
  try {
    return {
      text: renderChatTemplate(template, messages as Message[], {
        addGenerationPrompt: add_generation_prompt as boolean,
        tools: tools as Record<string, unknown>[] | undefined,
        variables: { ...special, ...variables },
      }),
    }
  } catch (error) {
    return { error: (error as Error).message }
  }
}

const agrees = (ours: Result, theirs: Result) => ours.text === theirs.text

/** A list as Python prints it: what a template for texts makes of parts. */
const printsList = ({ text }: Result) => text === undefined || text.includes("[{'type': 'text'")

let same = 0
let refused = 0
let asText = 0
let heard = 0
const differences: string[] = []
for (const [name, byConversation] of Object.entries(results)) {
  const template = readFileSync(join(directory, name), 'utf8')
  for (const [conversation, theirs] of Object.entries(byConversation)) {
    const ours = render(template, conversations[conversation])
    if (agrees(ours, theirs)) ours.text === undefined ? refused++ : same++
    else if (theirs.joined && agrees(ours, theirs.joined)) {
      asText++
      if (!printsList(theirs)) console.log(`as a text: ${name}, ${conversation}`)
    } else if (theirs.parts && (agrees(ours, theirs.parts) || ours.error?.includes('leaves out message'))) {
      heard++
      console.log(`left out there: ${name}, ${conversation}`)
    } else {
      differences.push(
        `${name}, ${conversation}\n  transformers: ${JSON.stringify(theirs.text ?? theirs.error)}\n  here:         ${JSON.stringify(ours.text ?? ours.error)}`,
      )
    }
  }
}
console.log(
  `${same} prompts are the same, ${refused} are refused on both sides, ${asText} have parts as texts, ${heard} are left out there.`,
)
for (const difference of differences) console.log(difference)
if (differences.length > 0) process.exitCode = 1
