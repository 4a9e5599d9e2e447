import type { Graph, Value } from '../../onnx/graph.js'

/** Tokens of a block: what is sorted are the blocks, and then the tokens of the best of them, and not the vocabulary. */
export const SORTED_BLOCK = 256

/** Blocks that hold the `count` best tokens: at most one for each. */
export function blocksOf(count: number, vocabSize: number): number {
  return Math.min(count, Math.ceil(vocabSize / SORTED_BLOCK))
}

/**
 * Adds to a graph the K best scores of each row of logits. The K best tokens lie in the blocks of the K best maxima, so that
 * only these are looked at.
 *
 * Inputs: `shortlist` int64 [1], K, and `shortlist_blocks` int64 [1], M = `blocksOf(K)`. Outputs: `top_scores` float32
 * [1, R, K], best first; `top_places` int64 [1, R, K], where they lie in the M blocks side by side; `top_blocks` int64
 * [1, R, M, 1], which blocks these are. Of equals the first token comes first where K is 1.
 * @param logits float32 [1, R, vocab]; R is not 0, of which ONNX Runtime makes an error
 */
export function addShortlist(graph: Graph, logits: Value, vocabSize: number): void {
  graph.output('top_scores', 'float32', [1, 'R', 'K'])
  graph.output('top_places', 'int64', [1, 'R', 'K'])
  graph.output('top_blocks', 'int64', [1, 'R', 'M', 1])
  const [count, blockCount] = ['shortlist', 'shortlist_blocks'].map((name) => graph.input(name, 'int64', [1]))
  const shape = graph.constant('int64', [1, -1, Math.ceil(vocabSize / SORTED_BLOCK), SORTED_BLOCK])
  const blocks = graph.node('Reshape', [inBlocks(graph, logits, vocabSize), shape])
  const maxima = graph.node('ReduceMax', [blocks, graph.constant('int64', [3])], { keepdims: 1 })
  graph.nodeWith('TopK', [maxima, blockCount], { axis: 2 }, [graph.fresh('maxima'), 'top_blocks'])
  // [1, R, M, 256], of which each row has its own M.
  const chosen = graph.node('GatherND', [blocks, 'top_blocks'], { batch_dims: 2 })
  const flat = graph.node('Reshape', [chosen, graph.constant('int64', [0, 0, -1])])
  graph.nodeWith('TopK', [flat, count], { axis: -1 }, ['top_scores', 'top_places'])
}

const LOWEST_FLOAT32 = -3.4028234663852886e38

/** Filled up to whole blocks. */
function inBlocks(graph: Graph, logits: Value, vocabSize: number): Value {
  const missing = (SORTED_BLOCK - (vocabSize % SORTED_BLOCK)) % SORTED_BLOCK
  if (missing === 0) return logits
  const pads = graph.constant('int64', [0, 0, 0, 0, 0, missing])
  return graph.node('Pad', [logits, pads, graph.constant('float32', [LOWEST_FLOAT32], [])])
}
