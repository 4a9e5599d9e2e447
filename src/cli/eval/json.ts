import type { Evaluation, WindowOptions } from '../../evaluate/evaluate.js'

/** What `llm eval --json` prints. */
export interface EvaluationJson {
  /** Scored ones. */
  readonly tokens: number
  /** UTF-8 bytes of their text. */
  readonly bytes: number
  readonly documents: number
  readonly nats_per_token: number
  readonly perplexity: number
  readonly bits_per_byte: number
  /** Tokens that the model saw at a time. */
  readonly window: number
  /** Tokens between the starts of windows. */
  readonly stride: number
  readonly seconds: number
  readonly tokens_per_second: number
}

/** @param seconds that the evaluation took */
export function evaluationJson(
  { tokens, bytes, documents, nats }: Evaluation,
  { window, stride }: Required<WindowOptions>,
  seconds: number,
): EvaluationJson {
  return {
    tokens,
    bytes,
    documents,
    nats_per_token: nats / tokens,
    perplexity: Math.exp(nats / tokens),
    bits_per_byte: nats / Math.LN2 / bytes,
    window,
    stride,
    seconds,
    tokens_per_second: tokens / seconds,
  }
}

/** The same for a reader, a figure a line. */
export function evaluationTable(evaluation: EvaluationJson): string {
  const { tokens, bytes, documents, window, stride, seconds } = evaluation
  const count = (value: number, name: string) =>
    `${value.toLocaleString('en-US')} ${name}${value === 1 ? '' : 's'}`
  const rows = [
    ['Bits per byte', evaluation.bits_per_byte.toFixed(4)],
    ['Perplexity', `${evaluation.perplexity.toFixed(3)} a token`],
    ['Loss', `${evaluation.nats_per_token.toFixed(4)} nats a token`],
    ['Scored', `${count(tokens, 'token')}, ${count(bytes, 'byte')}, ${count(documents, 'document')}`],
    ['Window', `${count(window, 'token')}, moved by ${stride}`],
    ['Time', `${seconds.toFixed(1)} s, ${Math.round(evaluation.tokens_per_second)} tok/s`],
  ]
  return rows.map(([name, value]) => `${name.padEnd(15)}${value}`).join('\n')
}
