import { UserError } from '../errors.js'

/** A `tokenizer.ggml.token_type`: text that is matched whole. */
export const USER_DEFINED = 4

/** A GGUF file's metadata. */
export type Metadata = ReadonlyMap<string, unknown>

/** Names of tokens that llama.cpp takes for ends of a text whatever the metadata say (src/llama-vocab.cpp). */
const ENDS = new Set([
  '<|eot_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<|flush|>',
  '<|calls|>',
  '<end_of_turn>',
  '<|endoftext|>',
  '</s>',
  '<|eom_id|>',
  '<EOT>',
  '_<EOT>',
  '[EOT]',
  '[EOS]',
  '<|end_of_text|>',
  '<end_of_utterance>',
  '<eos>',
  '<turn|>',
  '<|tool_response>',
  '<｜end▁of▁sentence｜>',
  '[e~[',
])

/** Names by the metadata's key of a token that fills in the middle; the first three kinds end a text. */
const FILL_IN: Readonly<Record<string, readonly string[]>> = {
  fim_pad: ['<|fim_pad|>', '<fim-pad>', '<fim_pad>', '<PAD>', '[PAD]'],
  fim_rep: ['<|fim_repo|>', '<|repo_name|>', '<fim-repo>', '<REPO>', '<reponame>'],
  fim_sep: ['<|file_sep|>'],
  fim_pre: [
    '<|fim_prefix|>',
    '<fim-prefix>',
    '<fim_prefix>',
    '<｜fim▁begin｜>',
    '<PRE>',
    '▁<PRE>',
    '<|code_prefix|>',
    '<|prefix|>',
  ],
  fim_suf: [
    '<|fim_suffix|>',
    '<fim-suffix>',
    '<fim_suffix>',
    '<｜fim▁hole｜>',
    '<SUF>',
    '▁<SUF>',
    '<|code_suffix|>',
    '<|suffix|>',
  ],
  fim_mid: [
    '<|fim_middle|>',
    '<fim-middle>',
    '<fim_middle>',
    '<｜fim▁end｜>',
    '<MID>',
    '▁<MID>',
    '<|code_middle|>',
    '<|middle|>',
  ],
}
const FILL_IN_ENDS = ['fim_pad', 'fim_rep', 'fim_sep']

/** gpt-oss's frame of a message, which is text. */
const FRAME = ['<|channel|>', '<|message|>', '<|start|>', '<|constrain|>']

export interface GgufSpecialTokens {
  /** Ids that end a text, EOS first. */
  readonly ends: readonly number[]
  /** Ids that are special whatever their types, and those that are not. */
  readonly special: ReadonlySet<number>
  readonly text: ReadonlySet<number>
}

/**
 * Which tokens of a GGUF file end a text and which are special, by metadata and by name, as llama.cpp has it: many files name
 * the base model's EOS only.
 * @throws UserError for an id that the vocabulary does not have
 */
export function ggufSpecialTokens(
  metadata: Metadata,
  { tokens, types }: { readonly tokens: readonly string[]; readonly types: ArrayLike<number> },
): GgufSpecialTokens {
  const ids = idsByName(tokens)
  const idOf = (name: string) => ids.get(name)
  const fillIn = new Map(
    Object.entries(FILL_IN).map(([key, names]) => {
      const named = names.map(idOf).find((id) => id !== undefined)
      return [key, specialId(metadata, tokens, key) ?? named] as const
    }),
  )
  const given = ['eos', 'eot', 'eom'].map((name) => specialId(metadata, tokens, name))
  const named = [...ENDS].map(idOf)
  const isThere = (id: number | undefined) => id !== undefined
  const ends = new Set([...given, ...named, ...FILL_IN_ENDS.map((key) => fillIn.get(key))].filter(isThere))
  const text = new Set([...FRAME.map(idOf), ...wrongEnds(ids, types)].filter(isThere))
  for (const id of text) ends.delete(id)
  const special = new Set([...ends, ...[...fillIn.values()].filter(isThere)])
  return { ends: [...ends], special, text }
}

/** Tokens whose names end texts of other models only: Gemma's `</s>` is a tag of HTML. */
function wrongEnds(ids: ReadonlyMap<string, number>, types: ArrayLike<number>): (number | undefined)[] {
  const has = (...names: string[]) => names.some((name) => ids.has(name))
  const isHarmony = has('<|return|>') && has('<|call|>', '<|calls|>')
  const isSolar = has('<|flush|>') && has('<|call|>', '<|calls|>')
  return [
    isHarmony || isSolar ? ids.get('<|end|>') : undefined,
    has('<|tool_response>') || types[ids.get('</s>') ?? -1] === USER_DEFINED ? ids.get('</s>') : undefined,
  ]
}

const NAMES = new Set([...ENDS, ...Object.values(FILL_IN).flat(), ...FRAME])

/** Ids of the tokens of well-known names; all begin with one of a few characters. */
function idsByName(tokens: readonly string[]): Map<string, number> {
  const ids = new Map<string, number>()
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id]
    if ('<[_▁'.includes(token[0]) && NAMES.has(token)) ids.set(token, id)
  }
  return ids
}

/**
 * The id under `tokenizer.ggml.NAME_token_id`.
 * @throws UserError for one that the vocabulary does not have
 */
export function specialId(metadata: Metadata, tokens: readonly string[], name: string): number | undefined {
  const key = `tokenizer.ggml.${name}_token_id`
  const id = metadata.get(key)
  if (id === undefined) return undefined
  if (typeof id === 'number' && tokens[id] !== undefined) return id
  throw new UserError(`The GGUF file's "${key}" is ${id}, but its vocabulary has ${tokens.length} tokens.`)
}
