import { UserError } from '../errors.js'

/** Weights for ONNX Runtime's com.microsoft.MatMulNBits without zero points. */
export interface QuantisedBlocks {
  /** B: [rows, ceil(cols / blockSize), blockSize · bits / 8], of two 4-bit values the first in the low nibble. */
  packed: Uint8Array
  /** [rows · ceil(cols / blockSize)]: value = scale · (quant − 8) for 4 bits, scale · (quant − 128) for 8. */
  scales: Float32Array
}

/** Rounds one block of weights into `quants` and returns its scale. */
type QuantiseBlock = (block: Float32Array, quants: Uint8Array) => number

/**
 * What the weight of largest magnitude is mapped to before rounding, as tried for each 4-bit block. The first,
 * -8, uses the full range as ggml's Q4_0 does; the others trade that weight's error for the rest's.
 */
const PEAKS = [-8, -7.4, -8.7, -9.4]

/**
 * Quantises a linear layer's weights [rows = out, cols = in] in blocks along `cols`; a last block that `cols`
 * leaves short is padded with zeros.
 * @throws UserError for a weight that is not finite.
 */
export function quantiseBlocks(
  weights: Float32Array,
  rows: number,
  cols: number,
  bits: 4 | 8,
  blockSize: number,
): QuantisedBlocks {
  if (weights.length !== rows * cols)
    throw new RangeError(`${weights.length} weights are not ${rows} × ${cols}`)
  requireFinite(weights, cols)
  const blocks = Math.ceil(cols / blockSize)
  const bytes = (blockSize * bits) / 8
  const packed = new Uint8Array(rows * blocks * bytes)
  const scales = new Float32Array(rows * blocks)
  const quantise: QuantiseBlock = bits === 4 ? quantiseBlock4 : quantiseBlock8
  const block = new Float32Array(blockSize)
  const quants = new Uint8Array(blockSize)
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < blocks; b++) {
      loadBlock(weights, row * cols + b * blockSize, Math.min(blockSize, cols - b * blockSize), block)
      const index = row * blocks + b
      scales[index] = quantise(block, quants)
      pack(quants, bits, packed, index * bytes)
    }
  }
  return { packed, scales }
}

function requireFinite(weights: Float32Array, cols: number): void {
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += weights[i] * 0
  if (sum === 0) return
  const at = weights.findIndex((weight) => !Number.isFinite(weight))
  throw new UserError(
    `A weight matrix has the value ${weights[at]} in row ${Math.floor(at / cols)}: the weights are damaged.`,
  )
}

function loadBlock(weights: Float32Array, from: number, length: number, block: Float32Array): void {
  for (let i = 0; i < length; i++) block[i] = weights[from + i]
  if (length < block.length) block.fill(0, length)
}

function pack(quants: Uint8Array, bits: 4 | 8, packed: Uint8Array, at: number): void {
  if (bits === 8) {
    packed.set(quants, at)
    return
  }
  for (let i = 0; i < quants.length; i += 2) packed[at + (i >> 1)] = quants[i] | (quants[i + 1] << 4)
}

/** Symmetric absmax: the largest magnitude maps to ±127. */
function quantiseBlock8(block: Float32Array, quants: Uint8Array): number {
  const largest = Math.abs(largestMagnitude(block))
  const inverse = largest === 0 ? 0 : 127 / largest
  for (let i = 0; i < block.length; i++) quants[i] = block[i] * inverse + 128.5
  return largest / 127
}

/**
 * Signed absmax over a few peaks, each with the scale that is best for its quants in the least-squares sense,
 * Σwq / Σq²; the peak with the least squared error wins, which is the one with the largest (Σwq)² / Σq².
 */
function quantiseBlock4(block: Float32Array, quants: Uint8Array): number {
  const largest = largestMagnitude(block)
  if (largest === 0) {
    quants.fill(8)
    return 0
  }
  let best = 0
  let scale = 0
  let inverse = 0
  for (let p = 0; p < PEAKS.length; p++) {
    const candidate = PEAKS[p] / largest
    let wq = 0
    let qq = 0
    for (let i = 0; i < block.length; i++) {
      const q = round4(block[i] * candidate) - 8
      wq += block[i] * q
      qq += q * q
    }
    if (wq * wq > best * qq) {
      best = (wq * wq) / qq
      scale = wq / qq
      inverse = candidate
    }
  }
  for (let i = 0; i < block.length; i++) quants[i] = round4(block[i] * inverse)
  return scale
}

/** To the nearest of 0 … 15 for a value above -9.5, which no peak exceeds: there truncation rounds as floor does. */
function round4(value: number): number {
  return Math.min((value + 8.5) | 0, 15)
}

/** With its sign. */
function largestMagnitude(block: Float32Array): number {
  let largest = 0
  for (let i = 0; i < block.length; i++) {
    if (Math.abs(block[i]) > Math.abs(largest)) largest = block[i]
  }
  return largest
}
