import { maximum, Ranking } from '../../strategies/ranking.js'
import { entropy, exponentiator, logSumExp } from '../../strategies/softmax.js'
import type { LogitsProcessor, RandomProcessor } from '../../strategies/strategy.js'

/** HF considers only this many tokens for top-h. */
const TOP_H_CANDIDATES = 100

/** Scores -Infinity what scores less than `threshold`. */
function dropBelow(logits: Float32Array, threshold: number): void {
  for (let i = 0; i < logits.length; i++) if (logits[i] < threshold) logits[i] = -Infinity
}

/** Keeps the `k` best tokens and those that equal the last of them (Fan et al. 2018; HF TopKLogitsWarper). */
export function topK(k: number, minTokensToKeep = 1): LogitsProcessor {
  const ranking = new Ranking()
  return (logits) => dropBelow(logits, ranking.read(logits).scoreAt(Math.max(k, minTokensToKeep)))
}

/** Keeps the fewest best tokens whose probabilities add up to `p` (nucleus sampling, Holtzman et al. 2020; HF TopPLogitsWarper). */
export function topP(p: number, minTokensToKeep = 1): LogitsProcessor {
  const ranking = new Ranking()
  const exponentiate = exponentiator()
  return (logits) => {
    const { weights, total } = exponentiate(logits)
    const { before, members } = ranking.read(logits).cut(weights, p * total)
    const best = minTokensToKeep > 1 || p === 0 ? ranking.top(minTokensToKeep) : []
    const saved = best.map((token) => logits[token])
    let mass = before
    let kept = 0
    while (kept < members.length && mass < p * total) mass += weights[members[kept++]]
    if (mass < p * total) return
    dropBelow(logits, kept > 0 ? logits[members[kept - 1]] : Infinity)
    for (const token of members.slice(kept)) logits[token] = -Infinity
    for (const [i, token] of best.entries()) logits[token] = saved[i]
  }
}

/** Keeps what is at least `p` times as probable as the best token (Nguyen et al. 2024; HF MinPLogitsWarper). */
export function minP(p: number, minTokensToKeep = 1): LogitsProcessor {
  const ranking = new Ranking()
  return (logits) => {
    const threshold = maximum(logits) + Math.log(p)
    const best = minTokensToKeep > 1 ? ranking.read(logits).top(minTokensToKeep) : []
    const saved = best.map((token) => logits[token])
    dropBelow(logits, threshold)
    for (const [i, token] of best.entries()) logits[token] = saved[i]
  }
}

/**
 * Keeps the best tokens while their share of the entropy of the 100 best, renormalised, is at most `h`; the
 * best one always (Baghaei Potraghloo et al. 2025; HF TopHLogitsWarper).
 */
export function topH(h: number): LogitsProcessor {
  const ranking = new Ranking()
  const exponentiate = exponentiator()
  return (logits) => {
    const candidates = ranking.read(logits).top(TOP_H_CANDIDATES)
    const scores = Float32Array.from(candidates, (token) => logits[token])
    const distribution = exponentiate(scores)
    const budget = h * entropy(scores, distribution)
    logits.fill(-Infinity)
    let used = 0
    for (const [rank, token] of candidates.entries()) {
      const logProbability = scores[rank] - distribution.logTotal
      used -= (distribution.weights[rank] / distribution.total) * logProbability
      if (rank > 0 && !(used <= budget)) break
      logits[token] = scores[rank]
    }
  }
}

/**
 * Keeps the tokens whose surprise is nearest to the entropy, up to the probability `mass` (locally typical
 * sampling, Meister et al. 2023; HF TypicalLogitsWarper).
 */
export function typical(mass: number, minTokensToKeep = 1): LogitsProcessor {
  const ranking = new Ranking()
  const exponentiate = exponentiator()
  let closeness = new Float32Array(0)
  return (logits) => {
    if (closeness.length !== logits.length) closeness = new Float32Array(logits.length)
    const distribution = exponentiate(logits)
    const expected = entropy(logits, distribution)
    const { weights, total, logTotal } = distribution
    for (let i = 0; i < logits.length; i++) closeness[i] = -Math.abs(logTotal - logits[i] - expected)
    const { before, members } = ranking.read(closeness).cut(weights, mass * total)
    let reached = before
    let threshold = -Infinity
    for (const token of members) {
      reached += weights[token]
      if (reached < mass * total) continue
      threshold = Math.min(closeness[token], ranking.scoreAt(minTokensToKeep))
      break
    }
    for (let i = 0; i < logits.length; i++) if (closeness[i] < threshold) logits[i] = -Infinity
  }
}

/** Keeps the tokens whose probability is at least `epsilon` (Hewitt et al. 2022, section 4.1; HF EpsilonLogitsWarper). */
export function epsilonCutoff(epsilon: number, minTokensToKeep = 1): LogitsProcessor {
  const ranking = new Ranking()
  return (logits) => {
    const threshold = logSumExp(logits) + Math.log(epsilon)
    dropBelow(logits, Math.min(threshold, ranking.read(logits).scoreAt(minTokensToKeep)))
  }
}

/**
 * Keeps the tokens whose probability is at least min(epsilon, √epsilon · exp(-entropy)) (Hewitt et al. 2022,
 * eq. 3; HF EtaLogitsWarper).
 */
export function etaCutoff(epsilon: number, minTokensToKeep = 1): LogitsProcessor {
  const ranking = new Ranking()
  const exponentiate = exponentiator()
  return (logits) => {
    const distribution = exponentiate(logits)
    const logEta = Math.min(Math.log(epsilon), Math.log(epsilon) / 2 - entropy(logits, distribution))
    const threshold = distribution.logTotal + logEta
    dropBelow(logits, Math.min(threshold, ranking.read(logits).scoreAt(minTokensToKeep)))
  }
}

/**
 * Keeps the tokens that score at least as much as the best one less `n` standard deviations of all that are possible (top-nσ, Tang et al.
 * 2024; llama.cpp's `llama_sampler_top_n_sigma_apply`). The temperature changes nothing of what is kept.
 */
export function topNSigma(n: number, minTokensToKeep = 1): LogitsProcessor {
  const ranking = new Ranking()
  return (logits) => {
    const threshold = maximum(logits) - n * standardDeviation(logits)
    const least = minTokensToKeep > 1 ? ranking.read(logits).scoreAt(minTokensToKeep) : Infinity
    dropBelow(logits, Math.min(threshold, least))
  }
}

/** Of the scores that are not -Infinity, divided by their number. */
function standardDeviation(logits: Float32Array): number {
  let sum = 0
  let count = 0
  for (let i = 0; i < logits.length; i++) {
    if (logits[i] === -Infinity) continue
    sum += logits[i]
    count++
  }
  const mean = sum / count
  let squares = 0
  for (let i = 0; i < logits.length; i++) {
    if (logits[i] !== -Infinity) squares += (logits[i] - mean) ** 2
  }
  return Math.sqrt(squares / count)
}

/** Above this at most one token is probable enough, so that there is nothing to exclude. */
const MOST_XTC_THRESHOLD = 0.5

/**
 * Excludes the top choices: with `probability`, of the tokens whose probability is at least `threshold` all but the least probable (XTC,
 * text-generation-webui's pull request 6335; llama.cpp's `llama_sample_xtc_apply`, by which nothing is excluded where fewer than
 * `minTokensToKeep` would be left).
 */
export function xtc(probability: number, threshold: number, minTokensToKeep = 1): RandomProcessor {
  const exponentiate = exponentiator()
  return (logits, _, random) => {
    if (threshold > MOST_XTC_THRESHOLD || random() >= probability) return
    const { weights, total } = exponentiate(logits)
    const top: number[] = []
    let possible = 0
    let least = -1
    for (let i = 0; i < logits.length; i++) {
      if (logits[i] === -Infinity) continue
      possible++
      if (weights[i] < threshold * total) continue
      top.push(i)
      if (least < 0 || logits[i] <= logits[least]) least = i
    }
    if (possible - (top.length - 1) < minTokensToKeep) return
    for (const token of top) if (token !== least) logits[token] = -Infinity
  }
}
