import { freemem } from 'node:os'
import { UserError } from '../errors.js'
import { elements, inferShapes } from '../onnx/shapes.js'
import type { BuildObjective } from './objective.js'
import { trainingGraph } from './trainer.js'

/** More tokens at once make products no faster, and leave the caches of the processor. */
const ENOUGH_TOKENS = 2048
/** The share of the free memory that activations may take. */
const SHARE = 0.5

/**
 * How many rows to run at once: a divisor of the batch size whose activations fit into the memory that is free.
 * @throws UserError where not even one row fits
 */
export function chooseMicroBatch(
  build: BuildObjective,
  batchSize: number,
  length: number,
  rateOf?: (name: string) => number | undefined,
  free = freemem(),
): number {
  const bytes = activationBytes(build, length, rateOf)
  const budget = Math.min(Math.floor((free * SHARE) / bytes), Math.max(1, Math.floor(ENOUGH_TOKENS / length)))
  const rows = Array.from({ length: batchSize }, (_, i) => batchSize - i)
  const chosen = rows.find((count) => batchSize % count === 0 && count <= budget)
  if (chosen) return chosen
  const gigabytes = (amount: number) => `${(amount / 1e9).toFixed(1)} GB`
  throw new UserError(
    `A row of ${length} tokens needs ${gigabytes(bytes)} to train on, but ${gigabytes(free)} are free: use a shorter --sequence-length.`,
  )
}

/** Of all values of the graph for one row; fewer at any one time, since the memory of some is used again. */
function activationBytes(
  build: BuildObjective,
  length: number,
  rateOf?: (name: string) => number | undefined,
): number {
  const { objective, trained } = trainingGraph(build, { batch: 1, length }, rateOf)
  const { graph } = objective
  const shapes = inferShapes(graph)
  const computed = graph.nodes.flatMap(({ outputs }) => outputs).filter((value) => value !== '')
  const total = computed.reduce((sum, value) => sum + elements(shapes.get(value) ?? []), 0)
  // Gradients are of the size of the weights, however many rows there are.
  const weights = trained.reduce((sum, { shape }) => sum + elements(shape), 0)
  return 4 * Math.max(total - 2 * weights, 1)
}
