import { stat } from 'node:fs/promises'
import { usageError } from '../errors.js'
import { STDIO } from '../files.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { readDocuments, type TrainingDocument } from '../train/data/documents.js'
import type { DocumentSpan } from './evaluate.js'

/** Characters of a document at most, which is held and tokenised as a whole. */
const MOST_CHARACTERS = 2 ** 27

export interface EvaluationDocumentOptions {
  /** What stands between the documents of a text file. */
  readonly separator?: string
  /** So many tokens are scored at most: of a longer text no more than they need is read. */
  readonly maxTokens?: number
}

/**
 * Finds what is wrong with the files before a model is loaded for them, as far as the first document; a pipe, which can be
 * read only once, is left alone.
 * @throws UserError as `readDocuments`
 */
export async function requireDocuments(
  files: readonly string[],
  options: EvaluationDocumentOptions,
): Promise<void> {
  if (files[0] === STDIO) return
  const first = await stat(files[0]).catch(() => undefined)
  if (first && !first.isFile()) return
  const documents = readDocuments(files, { separator: options.separator })
  await documents.next()
  await documents.return(undefined)
}

/**
 * Documents of text and JSONL files as tokens to score: texts whole, of a prompt and its completion the latter. Each
 * starts with BOS, or with EOS where there is no BOS, so that its first token is predicted too; the first token of a
 * text is left out of the figures where the tokenizer has neither.
 * @throws UserError as `readDocuments`, and for a chat, which is no text yet
 */
export async function* evaluationDocuments(
  files: readonly string[],
  tokenizer: Tokenizer,
  { separator, maxTokens = Infinity }: EvaluationDocumentOptions,
): AsyncGenerator<readonly DocumentSpan[]> {
  const start = startSpans(tokenizer)
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: false })
  const span = (text: string, isScored: boolean): DocumentSpan => ({
    ids: encode(text),
    isScored,
    bytes: Buffer.byteLength(text),
  })
  const count = (text: string) => (maxTokens === Infinity ? 0 : encode(text).length)
  for await (const document of wholeDocuments(readDocuments(files, { separator }), maxTokens, count)) {
    if (document.kind === 'text') yield [...start, span(document.text, true)]
    else yield [...start, span(document.prompt, false), span(document.completion, true)]
  }
}

function startSpans(tokenizer: Tokenizer): DocumentSpan[] {
  const id = tokenizer.tokenToId(tokenizer.bosToken ?? '') ?? tokenizer.eosTokenIds[0]
  return id === undefined ? [] : [{ ids: [id], isScored: false, bytes: 0 }]
}

type Whole = Exclude<TrainingDocument, { kind: 'chat' }>

/** Joins the parts of texts, as not every tokenizer gives parts the tokens of the whole, up to the one after `enough`. */
async function* wholeDocuments(
  documents: AsyncIterable<TrainingDocument>,
  enough: number,
  count: (text: string) => number,
): AsyncGenerator<Whole> {
  let parts: string[] = []
  let tokens = 0
  let characters = 0
  for await (const document of documents) {
    if (document.kind === 'chat') {
      throw usageError(`${document.origin} is a chat, which is not scored: give "prompt" and "completion".`)
    }
    if (document.kind === 'prompt') {
      yield document
      continue
    }
    parts.push(document.text)
    characters += document.text.length
    if (characters > MOST_CHARACTERS) {
      throw usageError(
        `A document has more than ${MOST_CHARACTERS.toLocaleString('en-US')} characters: give a --separator of documents, or fewer --max-tokens.`,
      )
    }
    if (!document.end && tokens < enough) {
      tokens += count(document.text)
      continue
    }
    yield { kind: 'text', text: parts.join(''), start: true, end: true }
    parts = []
    tokens = 0
    characters = 0
  }
}
