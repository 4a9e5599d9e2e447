import { type Component, flattenSequence, unsupported } from './tokenizer-json.js'

/** GPT-2's words (openai/gpt-2 `encoder.py`): what a ByteLevel pre-tokenizer splits into. */
export const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/**
 * The pre-tokenizer as @huggingface/tokenizers 0.2 must be told it to split as Rust `tokenizers` does:
 * - its ByteLevel takes `\s` for JavaScript's, which has U+FEFF and lacks U+0085;
 * - its Digits sees ASCII digits only;
 * - its Metaspace never splits;
 * - its Split knows no behaviour but `Isolated` and `Removed`, and drops the gaps when inverted.
 * @throws UserError naming a type or behaviour that is not supported.
 */
export function faithfulPreTokenizer(component: Component | null | undefined): Component | null {
  if (!component) return null
  const pretokenizers = flattenSequence(component, 'pretokenizers').flatMap(faithful)
  return { type: 'Sequence', pretokenizers }
}

function faithful(part: Component): Component[] {
  switch (part.type) {
    case 'ByteLevel':
      return byteLevel(part)
    case 'Digits':
      return [isolate(part.individual_digits ? '\\p{N}' : '\\p{N}+')]
    case 'Metaspace':
      return metaspace(part)
    case 'Split':
      return [split(part)]
    default:
      throw unsupported(`the pre-tokenizer "${part.type}"`)
  }
}

function byteLevel(part: Component): Component[] {
  const spell: Component = { type: 'ByteLevel', add_prefix_space: false, use_regex: false }
  // A Metaspace of plain spaces adds a space in front where there is none.
  const prefix: Component = { type: 'Metaspace', replacement: ' ', prepend_scheme: 'always' }
  return [
    ...(part.add_prefix_space === false ? [] : [prefix]),
    ...(part.use_regex === false ? [] : [isolate(gpt2Words)]),
    spell,
  ]
}

function metaspace(part: Component): Component[] {
  const replacement = (part.replacement as string | undefined) ?? '▁'
  const prepend = part.prepend_scheme ?? (part.add_prefix_space === false ? 'never' : 'always')
  const words = isolate(`${escapeRegExp(replacement)}[^${escapeRegExp(replacement)}]*`)
  const mark: Component = { type: 'Metaspace', replacement, prepend_scheme: prepend }
  return part.split === false ? [mark] : [mark, words]
}

function split(part: Component): Component {
  const { String: literal, Regex: regex } = part.pattern as { String?: string; Regex?: string }
  const pattern = regex ?? escapeRegExp(literal ?? '')
  const behavior = String(part.behavior)
  if (behavior === 'Isolated') return isolate(pattern)
  if (behavior === 'Contiguous' && !part.invert) return isolate(`(?:${pattern})+`)
  if (behavior === 'Removed') {
    return { type: 'Split', pattern: { Regex: pattern }, behavior, invert: part.invert ?? false }
  }
  if (literal?.length === 1 && !part.invert) {
    if (behavior === 'MergedWithPrevious') return isolate(`[^${pattern}]*${pattern}`)
    if (behavior === 'MergedWithNext') return isolate(`${pattern}[^${pattern}]*`)
  }
  throw unsupported(`the pre-tokenizer "Split" with the behaviour "${behavior}" for its pattern`)
}

function isolate(regex: string): Component {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }
}

function escapeRegExp(text: string): string {
  return text.replace(/[-.*+?^${}()|[\]\\/&]/g, '\\$&')
}
