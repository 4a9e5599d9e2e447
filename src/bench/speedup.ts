import type { StepCosts } from '../strategies/draft-control.js'

/**
 * Tokens that a step gives where a chain of so many is drafted, and each is accepted with this probability if the one before it
 * was: (1 - α^(γ+1)) / (1 - α) (Leviathan et al. 2023, equation 1).
 */
export function expectedTokens(acceptance: number, drafted: number): number {
  if (acceptance === 1) return drafted + 1
  return (1 - acceptance ** (drafted + 1)) / (1 - acceptance)
}

/** How many times as fast as plain decoding that is: theorem 3.8 of the same paper, with costs that were measured. */
export function speedup({ pass, draft }: StepCosts, acceptance: number, drafted: number): number {
  if (drafted === 0) return 1
  return (expectedTokens(acceptance, drafted) * pass(1)) / (pass(1 + drafted) + draft(drafted))
}

/** A chain's length, and what it promises. */
export interface Chain {
  readonly drafted: number
  readonly speedup: number
}

/** The chain of 1 to `longest` tokens that promises most, whether it pays or not. */
export function bestChain(costs: StepCosts, acceptance: number, longest: number): Chain {
  let best: Chain = { drafted: 0, speedup: 0 }
  for (let drafted = 1; drafted <= longest; drafted++) {
    const promised = speedup(costs, acceptance, drafted)
    if (promised > best.speedup) best = { drafted, speedup: promised }
  }
  return best
}

/** Of the break-even acceptance. */
const PRECISION = 1e-4

/** The least acceptance at which some chain is as fast as plain decoding; null where none is at any. */
export function breakEven(costs: StepCosts, longest: number): number | null {
  const pays = (acceptance: number) => bestChain(costs, acceptance, longest).speedup >= 1
  if (!pays(1)) return null
  let [low, high] = [0, 1]
  if (pays(low)) return low
  // More acceptance never promises less.
  while (high - low > PRECISION) {
    const middle = (low + high) / 2
    if (pays(middle)) high = middle
    else low = middle
  }
  return high
}
