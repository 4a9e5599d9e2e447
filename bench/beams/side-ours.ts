import { generate } from '../../src/generation/generate.js'
import type { LanguageModel } from '../../src/language-model/load.js'
import type { KVCache, Model, Output } from '../../src/model/model.js'
import { TreeCache } from '../../src/runtime/kv-cache.js'
import { cacheBytesPerToken } from '../../src/runtime/storage.js'
import type { Run, Side, Task } from './side.js'

/** Beams as leaves of one token tree. */
export function ourSide(loaded: LanguageModel): Side {
  return {
    name: 'llm',
    description: 'beams as leaves of one token tree, through generate()',
    run: (task) => run(loaded, task),
    dispose: () => loaded.dispose(),
  }
}

async function run(loaded: LanguageModel, { prompt, beams, newTokens, eosTokenIds }: Task): Promise<Run> {
  const start = performance.now()
  const model = new ObservedModel(loaded.model, cacheBytesPerToken(loaded.spec!, 'fp32'))
  const settings = {
    num_beams: beams,
    num_return_sequences: 1,
    max_new_tokens: newTokens,
    min_new_tokens: newTokens,
    eos_token_id: eosTokenIds,
  }
  const { ids } = await generate({ ...loaded, model }, prompt, settings).result()
  const total = performance.now() - start
  const { passes, used, allocated, firstPass } = model
  return { tokens: ids, total, prefill: firstPass! - start, passes, cache: { used, allocated } }
}

/** A model that notes what its forward passes leave in the caches. */
class ObservedModel implements Model {
  passes = 0
  /** When the first pass ended. */
  firstPass: number | undefined
  /** Bytes of keys and values, the most that there were. */
  used = 0
  allocated = 0
  private readonly caches: TreeCache[] = []

  constructor(
    private readonly model: Model,
    private readonly bytesPerSlot: number,
  ) {}

  get vocabSize(): number {
    return this.model.vocabSize
  }

  get hiddenSize(): number {
    return this.model.hiddenSize
  }

  get maxPositions(): number {
    return this.model.maxPositions
  }

  newCache(): KVCache {
    const cache = this.model.newCache()
    if (!(cache instanceof TreeCache)) throw new TypeError('The cache is of another kind of model.')
    this.caches.push(cache)
    return cache
  }

  async forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes?: readonly number[],
  ): Promise<Output> {
    const output = await this.model.forward(cache, tokens, parents, nodes)
    this.firstPass ??= performance.now()
    this.passes++
    const sum = (size: (cache: TreeCache) => number) => this.caches.reduce((total, c) => total + size(c), 0)
    this.used = Math.max(this.used, this.bytesPerSlot * sum(({ length }) => length))
    this.allocated = Math.max(
      this.allocated,
      sum(({ byteLength }) => byteLength),
    )
    return output
  }
}
