/** A fault planted in the sources. */
export interface Mutant {
  readonly file: string
  /** Text that stands in the file once. */
  readonly find: string
  readonly replace: string
  /** Tests that have to notice, as vitest's filters. */
  readonly tests: readonly string[]
}

const mutant = (file: string, find: string, replace: string, ...tests: string[]): Mutant => ({
  file: `src/${file}`,
  find,
  replace,
  tests: tests.map((test) => `test/${test}`),
})

const VERIFIERS = ['strategies/verifiers']
const PROCESSORS = ['scores/processors']
const RUNTIME = ['runtime/kv-cache', 'runtime/tree', 'runtime/parity']
const BEAMS = ['strategies/beam-search', 'generation/beams']

/** Faults that a slip of the hand could make, each of which a test has to find. */
export const MUTANTS: readonly Mutant[] = [
  // Verification.
  mutant('strategies/draft-verify.ts', 'start + node)])', 'start + node).slice(1)])', 'strategies/draft'),
  mutant('strategies/verifiers.ts', 'p[i] /= total', 'p[i] /= 1', ...VERIFIERS),
  mutant(
    'strategies/verifiers.ts',
    '(q?.[token] ?? 1) < p[token]',
    '(q?.[token] ?? 1) <= 2 * p[token]',
    ...VERIFIERS,
  ),
  mutant('strategies/verifiers.ts', 'p[i] - (q?.[i]', 'p[i] + (q?.[i]', ...VERIFIERS),
  mutant(
    'strategies/verifiers.ts',
    'Math.exp(-entropy(scores, weights))',
    'Math.exp(entropy(scores, weights))',
    ...VERIFIERS,
  ),
  mutant(
    'strategies/verifiers.ts',
    'logProbability > best.logProbability',
    'logProbability < best.logProbability',
    ...VERIFIERS,
  ),
  mutant(
    'strategies/verifiers.ts',
    'for (let i = node + 1; i < parents.length',
    'for (let i = node + 2; i < parents.length',
    ...VERIFIERS,
  ),
  mutant(
    'strategies/choose.ts',
    'scores[i] > highest',
    'scores[i] >= highest',
    'strategies',
    'generation/sampling',
  ),
  // Caches, trees and their wrappers.
  mutant('model/recorded-cache.ts', 'this.untouched = Math.min(', 'Math.min(', 'engine', 'model'),
  mutant(
    'model/recorded-cache.ts',
    'lengths.push(continues ? before + 1 : 0)',
    'lengths.push(continues ? before : 0)',
    'engine',
    'model',
  ),
  mutant('model/branches.ts', 'base + offsets[i] + token', 'base + token', 'model/branches'),
  mutant(
    'model/branches.ts',
    'parents.push(base + offset + parent - length)',
    'parents.push(base + parent - length)',
    'model/branches',
  ),
  mutant('model/prefix-tree.ts', 'this.slots.has(node) || added.has(node)', 'this.slots.has(node)', 'model'),
  mutant('model/prefix-state.ts', 'pending.length > 0) state', 'pending.length > 1) state', ...PROCESSORS),
  mutant(
    'model/even-passes.ts',
    'const end = cache.length + tokens.length',
    'const end = cache.length + tokens.length + missing',
    'model/even-passes',
  ),
  mutant('runtime/kv-cache.ts', 'padded(count + (count >> 4))', 'padded(count) - 64', ...RUNTIME),
  mutant('runtime/kv-cache.ts', 'Math.max(0, slot + 1 - left)', 'Math.max(0, slot - left)', ...RUNTIME),
  mutant(
    'runtime/kv-cache.ts',
    'left > 0; left--) {\n        row[newColumn',
    'left >= 0; left--) {\n        row[newColumn',
    ...RUNTIME,
  ),
  // Drafters.
  mutant(
    'strategies/drafters/draft-cache.ts',
    'text.slice(0, -1))',
    'text.slice(0, -2))',
    'strategies',
    'generation/drafting',
  ),
  mutant(
    'strategies/drafters/draft-model.ts',
    'this.numTokens + 2',
    'this.numTokens + 1',
    'generation/drafting',
  ),
  mutant(
    'strategies/drafters/prompt-lookup.ts',
    'Math.min(size, most) >= longest.size',
    'Math.min(size, most) > longest.size',
    'strategies/drafters',
  ),
  mutant(
    'strategies/drafters/likeliest-tree.ts',
    'b.logProbability - a.logProbability',
    'a.logProbability - b.logProbability',
    'strategies',
  ),
  mutant(
    'strategies/drafters/mtp.ts',
    'tokens[position + distance]',
    'tokens[position + distance - 1]',
    'strategies/mtp',
  ),
  mutant(
    'strategies/drafters/retrieval.ts',
    'own.size > found.size',
    'own.size >= found.size + 2',
    'strategies/retrieval',
  ),
  mutant(
    'strategies/suffix-index.ts',
    'this.suffixes[from + Math.floor(i * step)] + size',
    'this.suffixes[from + Math.floor(i * step)]',
    'strategies',
  ),
  mutant(
    'strategies/draft-control.ts',
    ', SAVINGS)',
    ', Number.POSITIVE_INFINITY)',
    'strategies/draft-control',
  ),
  mutant(
    'strategies/draft-control.ts',
    'this.start = drafted > 0 ? 0 : this.coldStart',
    'this.start = 0',
    'strategies/draft-control',
  ),
  mutant('generation/generate.ts', 'DRAFTERS + i', 'i', 'generation/assisted-streams'),
  mutant(
    'generation/generate.ts',
    'createRandom(forkSeed(config.seed, i))',
    'createRandom(config.seed)',
    'generation',
  ),
  // Beams.
  mutant(
    'strategies/beam/group.ts',
    'node.sum / length ** this.options.lengthPenalty',
    'node.sum / length',
    ...BEAMS,
  ),
  mutant('strategies/beam/group.ts', 'bank * 100 + b.option.sum', 'bank + b.option.sum', ...BEAMS),
  mutant('strategies/beam/pool.ts', 'score >= attainable', 'score > attainable + 1', ...BEAMS),
  mutant('strategies/beam/selection.ts', 'row[token] = 0', 'row[token] /= 2', ...BEAMS, 'strategies'),
  mutant(
    'strategies/beam/search.ts',
    'scores[token] -= penalty * times',
    'scores[token] += penalty * times',
    ...BEAMS,
  ),
  mutant(
    'strategies/contrastive-search.ts',
    '(1 - penaltyAlpha) * probabilities',
    'probabilities',
    'strategies/contrastive',
    'generation',
  ),
  // Scores.
  mutant(
    'scores/guidance.ts',
    'first + node >= this.promptLength - 1',
    'first + node >= this.promptLength',
    'scores/guidance',
  ),
  mutant(
    'scores/guidance.ts',
    'slot - this.promptLength + this.negativeLength',
    'slot - this.promptLength + this.negativeLength - 1',
    'scores/guidance',
  ),
  mutant('scores/dola.ts', 'divergences.indexOf(Math.max', 'divergences.indexOf(Math.min', 'scores/dola'),
  mutant('scores/processors/repetition.ts', 'logits[token] < 0 ?', 'logits[token] > 0 ?', ...PROCESSORS),
  mutant(
    'scores/processors/repetition.ts',
    'if (prefix.length < size) return table',
    'if (prefix.length <= size) return table',
    ...PROCESSORS,
  ),
  mutant(
    'scores/processors/truncation.ts',
    'mass < p * total) mass',
    'mass <= p * total) mass',
    ...PROCESSORS,
  ),
  mutant(
    'scores/processors/truncation.ts',
    'rank > 0 && !(used <= budget)',
    '!(used <= budget)',
    ...PROCESSORS,
  ),
  mutant(
    'scores/processors/truncation.ts',
    'Math.log(epsilon) / 2 - entropy',
    'Math.log(epsilon) - entropy',
    ...PROCESSORS,
  ),
  mutant('scores/processors/length.ts', 'prefix.length < length', 'prefix.length <= length', ...PROCESSORS),
  mutant('scores/processors/length.ts', 'factor ** past - 1', 'factor ** (past - 1) - 1', ...PROCESSORS),
  mutant('scores/processors/force.ts', 'forceAt(maxLength - 1', 'forceAt(maxLength', ...PROCESSORS),
  mutant(
    'scores/processors/bias.ts',
    'tokens.slice(0, -1))) logits',
    'tokens.slice(1, -1))) logits',
    ...PROCESSORS,
  ),
  mutant(
    'scores/processors/watermark.ts',
    '[...context, token]',
    'context',
    ...PROCESSORS,
    'scores/watermark',
  ),
  mutant(
    'strategies/softmax.ts',
    'Math.log(total) - sum / total',
    'Math.log(total) - sum',
    'strategies/softmax',
    ...PROCESSORS,
  ),
  mutant('strategies/ranking.ts', 'count - before - 1', 'count - before', 'strategies', ...PROCESSORS),
  mutant('strategies/sum-tree.ts', 'rest < sums[node] ||', 'rest <= sums[node] ||', 'strategies/sum-tree'),
  // Training.
  mutant('train/objectives/medusa.ts', 'DECAY ** (i + 1)', 'DECAY ** i', 'train'),
  mutant(
    'train/optimiser.ts',
    "this.op('Sub', this.scalar(1), this.op('Pow', this.scalar(beta), step))",
    'this.scalar(1)',
    'train',
  ),
  mutant('train/trainer.ts', '1 / this.objective.mean.weight(batches)', '1 / batches.length', 'train'),
  // The engine.
  mutant('engine/prefix-cache.ts', 'this.idle.push(cache)', 'this.idle.unshift(cache)', 'engine', 'chat'),
  mutant(
    'engine/prefix-cache.ts',
    'total(free) > this.capacity',
    'total(free) > 2 * this.capacity',
    'engine',
    'chat',
  ),
  mutant(
    'engine/prefix-cache.ts',
    'cache.length < length + WORTHWHILE',
    'cache.length < length',
    'engine',
    'chat',
  ),
  mutant(
    'engine/prefix-cache.ts',
    'inner.keep(cache.pathTo(end))',
    'inner.keep([...Array(length).keys()])',
    'engine',
    'chat',
  ),
  mutant('engine/engine.ts', 'if (tokens > maxTokensInFlight) break', '', 'engine', 'batch'),
  mutant(
    'engine/engine.ts',
    'if (isTarget) this.models.push(merging)',
    'if (!isTarget) this.models.push(merging)',
    'engine',
    'batch',
  ),
  // What the step tells, and random numbers by position.
  mutant(
    'strategies/drafters/token-recycling.ts',
    '[...rejected, -1, ...path]',
    '[-1, ...path]',
    'strategies',
  ),
  mutant('strategies/drafters/token-recycling.ts', 'score - total', 'score', 'strategies'),
  mutant('scores/processors/truncation.ts', 'if (token !== least) logits', 'logits', 'scores', 'generation'),
  mutant(
    'scores/processors/index.ts',
    'randomAt(i, prefix.length)',
    'randomAt(i, 0)',
    'scores',
    'generation',
  ),
  mutant('model/delegate.ts', 'output.residual!(place(node))', 'output.residual!(node)', 'model'),
  mutant('train/objectives/heads.ts', '[1, share]', '[share, 1]', 'train'),
  mutant(
    'strategies/verifiers.ts',
    'Math.min(threshold, alpha * Math.exp(-entropy(scores, weights)))',
    'Math.max(threshold, alpha * Math.exp(-entropy(scores, weights)))',
    ...VERIFIERS,
  ),
  mutant('runtime/kv-cache.ts', 'parent < 0 ? 0 : this.depths[parent] + 1', 'slot', ...RUNTIME),
  mutant('runtime/kv-cache.ts', 'this.depths[target] = this.depths[slot]', 'this.depths[slot]', ...RUNTIME),
  // Words and biases, DRY, Mirostat.
  mutant('generation/word-ids.ts', '[plain, spaced]', '[spaced]', 'generation/word-ids'),
  mutant(
    'generation/word-ids.ts',
    'isWithin ? both.slice(before.length) : encode(text)',
    'encode(text)',
    'generation/word-ids',
  ),
  mutant('generation/word-ids.ts', 'false : sum + bias', 'false : bias', 'generation/word-ids'),
  mutant('generation/word-ids.ts', 'other.length < form.length || j < i', 'j < i', 'generation/word-ids'),
  mutant('scores/processors/bias.ts', 'bias === false ? -Infinity : bias', 'Number(bias)', 'scores'),
  mutant('scores/processors/dry.ts', 'Math.min(length, limit)', 'length', 'scores'),
  mutant('scores/processors/mirostat.ts', 'before - eta *', 'before + eta *', 'scores'),
  // Several samples, thinking.
  mutant('generation/best-of.ts', 'sum / logprobs.length', 'sum', 'generation/best-of'),
  mutant('generation/thinking.ts', 'state.inside && inside ? 1 : 0', 'inside ? 1 : 0', 'generation/thinking'),
  mutant('generation/thinking.ts', 'waitIds.slice(1)', 'waitIds', 'generation/thinking'),
  // Exports, and how checkpoints hold parameters.
  mutant(
    'exported/cache.ts',
    'parent < 0 ? 0 : this.slots[parent].depth + 1',
    'this.slots.length',
    'exported',
  ),
  mutant(
    'exported/cache.ts',
    'place.past.length === depth + 1',
    'place.past.length >= depth + 1',
    'exported',
  ),
  mutant('models/layout.ts', 'headDim * counts.length + index', 'headDim + index', 'models/layout'),
  mutant('models/layout.ts', 'pair + (second ? pairs : 0)', 'pair + (second ? half : 0)', 'models/layout'),
  mutant('weights/arranged.ts', 'rows[0] + i)', 'row)', 'models/layout', 'weights'),
  mutant('weights/arranged.ts', 'start = end', 'start = end + 1', 'models/layout', 'weights'),
  // Short convolutions.
  mutant(
    'runtime/convolution-feeds.ts',
    '1 + before + slot - first',
    '1 + slot - first',
    'runtime/convolution',
  ),
  mutant('runtime/convolution-feeds.ts', 'slot < 0 ? 0 :', 'slot < 0 ? 1 :', 'runtime/convolution'),
  mutant('runtime/onnx-model.ts', 'columns.slots?.indexOf(slot) ?? slot', 'slot', 'runtime/convolution'),
  mutant('runtime/paged-model.ts', ' - places.firstPage) * PAGE', ') * PAGE', 'runtime/convolution'),
  mutant('runtime/device-rows.ts', 'placeNames(heads)\n', 'placeNames(1)\n', 'runtime/convolution'),
  mutant(
    'train/graphs/batch-decoder.ts',
    'slice(segments, 0, length - distance)',
    'now',
    'runtime/convolution',
  ),
]
