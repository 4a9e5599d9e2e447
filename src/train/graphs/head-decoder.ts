import type { Value } from '../../onnx/graph.js'
import { BatchDecoder } from './batch-decoder.js'
import type { Projection } from './losses.js'

export interface Predictions {
  /** The final hidden states of the model, [N, hidden], which predict the next token. */
  readonly hidden: Value
  /** What predicts each token beyond the next one. */
  readonly beyond: readonly Projection[]
}

/** A decoder with heads that predict further tokens. */
export abstract class HeadDecoder<Spec> extends BatchDecoder {
  /** @param ahead the tokens 1, 2, … places on, int32 [1, N] each, as many as the heads are given */
  abstract predictions(heads: Spec, ahead: readonly Value[]): Predictions
}
