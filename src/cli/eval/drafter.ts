import { usageError } from '../../errors.js'
import { requireDraftOf } from '../../language-model/vocabulary.js'
import { sampleRows } from '../../train/data/rows.js'
import { heldOutBatches } from '../../train/data/training-data.js'
import { distilledWeights } from '../../train/draft.js'
import { type DrafterObjective, readHeadsToMeasure } from '../../train/drafter-objective.js'
import { Evaluator } from '../../train/evaluator.js'
import { chooseMicroBatch } from '../../train/micro-batch-size.js'
import { distilled } from '../../train/objectives/distillation.js'
import type { Pretrained } from '../../train/pretrained.js'
import { evaluationDisplay } from '../../ui/evaluation-progress.js'
import { openRows } from '../train/packed-data.js'
import { openPretrained } from '../train/pretrained.js'

/** What `llm eval --drafter --json` prints. */
export interface DrafterEvaluationJson {
  /** `draft model`, `Medusa heads` or `MTP modules`. */
  readonly drafter: string
  /** Tokens of text. */
  readonly tokens: number
  /** That the drafter sees at a time. */
  readonly window: number
  /** Means over the tokens, by the names of the training log. */
  readonly figures: Readonly<Record<string, number>>
  readonly seconds: number
  readonly tokens_per_second: number
}

export interface DrafterFlags {
  readonly model: string
  readonly adapter?: string
  readonly drafter: string
  readonly window?: number
  readonly separator?: string
  readonly 'max-tokens'?: number
  readonly threads?: number
}

const DEFAULT_WINDOW = 256
/** Rows are run at once; what is left of the last ones is filled up. */
const ROWS = 8

/**
 * Measures a draft model, Medusa heads or MTP modules on text, in float32 on the CPU, in windows side by side.
 * @throws UserError as `openPretrained` and `readHeads`, and for a draft with another vocabulary
 */
export async function evaluateDrafter(
  files: readonly string[],
  { model, adapter, drafter, separator, 'max-tokens': maxTokens, threads, ...flags }: DrafterFlags,
  signal: AbortSignal,
): Promise<DrafterEvaluationJson> {
  const target = await openPretrained(model, signal, { adapter, copied: false })
  const { window = Math.min(DEFAULT_WINDOW, target.spec.maxPositions) } = flags
  if (window > target.spec.maxPositions) {
    throw usageError(
      `The window cannot be ${window}: the model takes 2 to ${target.spec.maxPositions} tokens.`,
    )
  }
  const { name, build, weights } = await openDrafter(drafter, target, signal)
  const data = await openRows(files, {
    tokenizer: target.tokenizer,
    length: window,
    lengthFlag: '--window',
    separator,
    signal,
  })
  const rows = sampleRows(data, Math.ceil((maxTokens ?? Number.POSITIVE_INFINITY) / window))
  const microBatch = chooseMicroBatch(build, ROWS, window, () => undefined)
  const shape = { batch: microBatch, length: window }
  const evaluator = await Evaluator.create(build, { device: 'cpu', threads, shape, weights })
  const display = evaluationDisplay(rows.rows * window)
  const begun = performance.now()
  let tokens = 0
  async function* batches() {
    for await (const batch of heldOutBatches(rows, microBatch)) {
      if (signal.aborted) return
      yield batch
      tokens = Math.min(tokens + microBatch * window, rows.rows * window)
      display.update({ tokens })
    }
  }
  try {
    const figures = await evaluator.evaluate(batches())
    signal.throwIfAborted()
    const seconds = (performance.now() - begun) / 1000
    return { drafter: name, tokens, window, figures, seconds, tokens_per_second: tokens / seconds }
  } finally {
    display.stop()
    await evaluator.dispose()
    await data.close()
  }
}

async function openDrafter(
  directory: string,
  target: Pretrained,
  signal: AbortSignal,
): Promise<DrafterObjective> {
  const heads = await readHeadsToMeasure(directory, target)
  if (heads) return heads
  const draft = await openPretrained(directory, signal, { copied: false })
  requireDraftOf(target, draft)
  return {
    name: 'draft model',
    build: distilled(draft.spec, target.spec, { alpha: 1, temperature: 1 }),
    weights: distilledWeights(draft.weights, target.weights),
  }
}

/** The same for a reader: heads by position, and what is said of a draft model. */
export function drafterTable({
  drafter,
  tokens,
  window,
  figures,
  seconds,
  ...rest
}: DrafterEvaluationJson): string {
  const share = (value: number) => `${(100 * value).toFixed(1)}%`
  const rows: string[][] = [['Drafter', drafter]]
  for (let k = 1; figures[`top1_${k}`] !== undefined; k++) {
    const [top1, top5] = [1, 5].map((n) => share(figures[`top${n}_${k}`]))
    rows.push([`Position ${k}`, `top-1 ${top1}, top-5 ${top5}, loss ${figures[`loss_${k}`].toFixed(4)}`])
  }
  if (figures.agreement !== undefined) {
    rows.push(['Agreement', `${share(figures.agreement)} of first choices`])
    for (let k = 2; figures[`agreement_${k}`] !== undefined; k++) {
      rows.push([`${k} in a row`, share(figures[`agreement_${k}`])])
    }
    rows.push(['Acceptance', `${share(figures.acceptance)} at temperature 1`])
  }
  rows.push(
    ['Text', `${tokens.toLocaleString('en-US')} tokens, ${window} at a time`],
    ['Time', `${seconds.toFixed(1)} s, ${Math.round(rest.tokens_per_second)} tok/s`],
  )
  return rows.map(([name, value]) => `${name.padEnd(15)}${value}`).join('\n')
}
