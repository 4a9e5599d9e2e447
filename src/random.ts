/**
 * A seeded generator of uniform numbers in [0, 1) with 53 bits: xoshiro128** 1.1 (Blackman and Vigna 2018),
 * whose state is four outputs of splitmix32 started at the seed's low 32 bits, XOR four of splitmix32 started
 * at the seed's high bits; where both halves are the same, that of the low bits alone, since no generator of this kind
 * leaves the state 0. Each number takes two outputs: 27 bits of the first, 26 of the second.
 * @param seed an integer in [0, 2^53).
 */
export function createRandom(seed: number): () => number {
  const halves = [seed >>> 0, Math.floor(seed / 2 ** 32)]
  const low = splitmix32(halves[0])
  const high = halves[0] === halves[1] ? () => 0 : splitmix32(halves[1])
  const state = Uint32Array.from({ length: 4 }, () => low() ^ high())
  const next = () => {
    const result = Math.imul(rotate(Math.imul(state[1], 5), 7), 9)
    const shifted = state[1] << 9
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = rotate(state[3], 11)
    return result >>> 0
  }
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53
}

/**
 * The seed of the `index`-th of several sequences, so that each draws from a stream of its own; the first
 * keeps `seed` itself.
 */
export function forkSeed(seed: number, index: number): number {
  if (index === 0) return seed
  const base = Math.floor(createRandom(seed)() * 2 ** 52)
  return createRandom(base + index)() * 2 ** 53
}

/**
 * Streams of random numbers by keys, integers from 0 on: the same keys give the same stream, whatever was drawn from others, and none
 * is that of `seed` itself. A stream that nothing is drawn from costs nothing.
 */
export function keyedRandom(seed: number): (...keys: readonly number[]) => () => number {
  return (...keys) => {
    let next: (() => number) | undefined
    return () => {
      next ??= createRandom(keys.reduce((fork, key) => forkSeed(fork, key + 1), seed))
      return next()
    }
  }
}

/**
 * Draws an index with probability proportional to `probabilities`, [n], by inverting their running sum; an
 * index of probability 0 is never drawn.
 * @throws RangeError where the sum is not a positive finite number.
 */
export function sampleIndex(probabilities: ArrayLike<number>, random: () => number): number {
  let total = 0
  for (let i = 0; i < probabilities.length; i++) total += probabilities[i]
  if (!(total > 0 && total < Infinity)) {
    throw new RangeError(`Cannot sample: the probabilities add up to ${total}.`)
  }
  const target = random() * total
  let sum = 0
  let last = 0
  for (let i = 0; i < probabilities.length; i++) {
    if (!(probabilities[i] > 0)) continue
    sum += probabilities[i]
    if (target < sum) return i
    last = i
  }
  return last
}

/** splitmix32: a Weyl sequence through the finaliser of MurmurHash3 with Ellingham's constants. */
function splitmix32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x9e3779b9) | 0
    let z = state ^ (state >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
