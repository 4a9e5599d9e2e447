import type { Tape } from '../../onnx/autodiff/tape.js'
import type { Value } from '../../onnx/graph.js'

/** The gradient of x from that of y = c · tanh(x / c), times 1 - (y / c)²; the same where there is no cap. */
export function throughCap(tape: Tape, gradient: Value, capped: Value, cap: number | undefined): Value {
  if (cap === undefined) return gradient
  const ratio = tape.op('Mul', [capped, tape.scalar(1 / cap)])
  const slope = tape.op('Sub', [tape.scalar(1), tape.op('Mul', [ratio, ratio])])
  return tape.op('Mul', [gradient, slope])
}
