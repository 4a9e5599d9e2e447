import { Flags } from '@oclif/core'
import type { GenerationField } from '../../config/index.js'
import { DESCRIPTORS } from '../../extract/describe.js'
import { batchFlags } from '../batch/flags.js'

const GROUP = { helpGroup: 'EXTRACTION' }

/** Settings that the extraction makes itself. */
const FIXED: readonly GenerationField[] = [
  'schema',
  'json_object',
  'regex',
  'choices',
  'grammar',
  'any_order',
  'pretty',
  'format',
  'schema_in_prompt',
  'num_return_sequences',
]

const NOT_HERE = [
  'order',
  'shard',
  'output',
  'system',
  'negative-prompt',
  'return-dict-in-generate',
  'logprobs',
]
const left = new Set([...FIXED.map((field) => field.replaceAll('_', '-')), ...NOT_HERE])
const shared = Object.fromEntries(Object.entries(batchFlags).filter(([name]) => !left.has(name)))

/** Flags of `llm extract`: those of `llm batch`, for the chunks of all documents, and its own. */
export const extractFlags = {
  ...(shared as Omit<typeof batchFlags, 'output' | 'order' | 'shard'>),
  schema: Flags.string({
    ...GROUP,
    required: true,
    helpValue: 'FILE|SCHEMA',
    description: 'what to find: a JSON schema, its fields such as "name, age int", or nodes of Kor',
  }),
  many: Flags.boolean({ ...GROUP, description: 'a document has several records' }),
  key: Flags.string({
    ...GROUP,
    helpValue: 'FIELD,…',
    description: 'fields by which records of several chunks are one',
  }),
  format: Flags.string({
    ...GROUP,
    aliases: ['encoder'],
    options: ['json', 'csv', 'xml', 'yaml'],
    default: 'json',
    description: 'how the model writes the values; --encoder for short',
  }),
  descriptor: Flags.string({
    ...GROUP,
    options: [...DESCRIPTORS],
    default: 'typescript',
    description: 'how the model is told of the fields',
  }),
  instructions: Flags.string({
    ...GROUP,
    helpValue: 'TEXT',
    description: 'what the model is told, in place of our words',
  }),
  examples: Flags.string({
    ...GROUP,
    helpValue: 'FILE',
    description: 'JSON Lines of examples: {"text": …, "value": …}',
  }),
  spans: Flags.boolean({
    ...GROUP,
    description: 'texts are verbatim pieces of the document, and come with their places; implies --nullable',
  }),
  nullable: Flags.boolean({
    ...GROUP,
    description: 'a field may be null where the document does not tell it',
  }),
  'chunk-tokens': Flags.integer({
    ...GROUP,
    min: 8,
    default: 1000,
    helpValue: 'N',
    description: 'tokens of a document that the model reads at a time',
  }),
  'chunk-overlap': Flags.integer({
    ...GROUP,
    min: 0,
    default: 100,
    helpValue: 'N',
    description: 'tokens at its end that it reads again with what follows',
  }),
  field: Flags.string({
    ...GROUP,
    helpValue: 'NAME',
    description: 'the field of JSON Lines that has the text; makes stdin JSON Lines [text]',
  }),
  output: Flags.string({
    ...GROUP,
    char: 'o',
    default: '-',
    helpValue: 'OUT',
    description: 'file to write, - for stdout; a run that was stopped goes on from OUT.chunks.jsonl',
  }),
  csv: Flags.boolean({ ...GROUP, exclusive: ['table'], description: 'write a row of CSV for each record' }),
  table: Flags.boolean({ ...GROUP, description: 'write a table of all records for people' }),
  html: Flags.string({
    ...GROUP,
    helpValue: 'FILE',
    description: 'page of the documents, with the places of values marked',
  }),
}
