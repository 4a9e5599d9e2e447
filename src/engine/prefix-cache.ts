import type { MergingModel } from '../model/branches.js'
import { delegate } from '../model/delegate.js'
import type { Branch, Model } from '../model/model.js'
import { commonLength } from '../model/prefix.js'
import { RecordedCache } from '../model/recorded-cache.js'
import type { Member } from './lockstep.js'

/** Tokens that are worth a pass, or a cache, of their own. */
const WORTHWHILE = 16

type Ids = readonly number[]
type Cache = RecordedCache<Branch>

/** A cache, and the path in it that a prompt begins with. */
interface Match {
  readonly cache: Cache
  readonly length: number
  /** Slot of its last token. */
  readonly end: number
}

/** A beginning that a request runs for others too. */
interface Beginning {
  readonly ids: Ids
  /** Never rejects. */
  readonly done: Promise<unknown>
}

/**
 * Caches of one model's requests, under way and ended: a prompt goes on from the longest path that any of them holds, along
 * any branch of its token tree. Ended ones are kept while a prompt that waits begins with them, and beyond that the most
 * recently used, as SGLang's RadixAttention does (Zheng et al. 2024).
 */
export class PrefixCache {
  /** Caches of ended requests, the least recently used first. */
  private idle: Cache[] = []
  private readonly used = new Set<Cache>()
  private beginnings: readonly Beginning[] = []

  /**
   * @param capacity tokens of ended requests that no prompt waits for; the last request is kept however long, but at 0
   * @param prompts prompts, without their last tokens, of requests that have no cache yet
   */
  constructor(
    readonly model: MergingModel,
    private readonly capacity: number,
    private readonly prompts: () => readonly Ids[] = () => [],
  ) {}

  /** Slots of all caches. */
  get length(): number {
    return total([...this.idle, ...this.used])
  }

  /** A cache with the longest beginning of a prompt that there is, but for the last token, which gives the first scores. */
  open(ids: Ids = []): Cache {
    return this.take(ids.slice(0, -1))
  }

  /** A view of the model for one request, whose caches are this one's. @param model runs its passes */
  view(model: Model): Model {
    return delegate(model, {
      newCache: (prompt) => this.open(prompt),
      forward: async (cache, tokens, parents, ...rest) => {
        if (!(cache instanceof RecordedCache)) throw new TypeError('The cache is of another kind of model.')
        const output = await model.forward(cache.inner, tokens, parents, ...rest)
        cache.record(tokens, parents)
        return output
      },
    })
  }

  /**
   * Runs, once for all of them, what a prompt and others that have no cache yet begin with; waits where another request does.
   * @param prompt the one of `prompts`
   * @param model view of the request
   */
  async share(prompt: Ids, member: Member, model: Model): Promise<void> {
    const known = () => this.find(prompt)?.length ?? 0
    const shared = (other: Ids) => commonLength(prompt, other)
    const running = () => {
      const least = known() + WORTHWHILE
      return this.beginnings.find((other) => shared(other.ids) >= least)
    }
    for (let other = running(); other; other = running()) await member.wait(other.done)
    const others = this.prompts().filter((other) => other !== prompt)
    const common = Math.max(0, ...others.map(shared))
    if (common < known() + WORTHWHILE) return
    const ids = prompt.slice(0, common)
    const run = this.run(ids, model)
    const beginning = { ids, done: run.catch(() => {}) }
    this.beginnings = [beginning, ...this.beginnings]
    try {
      await run
    } finally {
      this.beginnings = this.beginnings.filter((other) => other !== beginning)
    }
  }

  /** Frees the caches of ended requests. */
  clear(): void {
    for (const cache of this.idle) cache.inner.dispose()
    this.idle = []
  }

  /** Frees everything. */
  dispose(): void {
    this.clear()
    for (const cache of this.used) cache.inner.dispose()
    this.used.clear()
    this.model.dispose()
  }

  /** Runs tokens into a cache that is idle then. */
  private async run(ids: Ids, model: Model): Promise<void> {
    const cache = this.take(ids)
    try {
      const rest = ids.slice(cache.length)
      const parents = rest.map((_, i) => cache.length + i - 1)
      await model.forward(cache, rest, parents, [], { states: [] })
    } finally {
      cache.dispose()
    }
  }

  private take(prompt: Ids): Cache {
    const found = this.find(prompt)
    const cache = (found && this.goOn(found, prompt)) ?? this.enter(this.model.newCache(), [])
    this.used.add(cache)
    return cache
  }

  /** The cache itself, cut back, where little of it is lost and nobody waits for it; a fork where that is worthwhile. */
  private goOn({ cache, length, end }: Match, prompt: Ids): Cache | undefined {
    const isFree = this.idle.includes(cache) && !this.wanted().has(cache)
    if (isFree && cache.length < length + WORTHWHILE) {
      this.idle = this.idle.filter((other) => other !== cache)
      cache.resume(prompt)
      return cache
    }
    if (!isFree && length < WORTHWHILE) return undefined
    const inner = cache.inner.fork()
    inner.keep(cache.pathTo(end))
    return this.enter(inner, prompt.slice(0, length))
  }

  private enter(inner: Branch, tokens: Ids): Cache {
    const cache: Cache = new RecordedCache(inner, tokens, () => {
      if (!this.used.delete(cache)) return
      this.idle.push(cache)
      this.evict()
    })
    cache.untouched = tokens.length
    return cache
  }

  /** The longest match; beside a worthwhile one, another has to be longer by as much: prompts may have more in common by chance. */
  private find(prompt: Ids, caches: Iterable<Cache> = [...this.idle, ...this.used]): Match | undefined {
    let best: Match | undefined
    for (const cache of caches) {
      const match = cache.match(prompt)
      const known = best?.length ?? 0
      if (match.length > known + (known < WORTHWHILE ? 0 : WORTHWHILE - 1)) best = { cache, ...match }
    }
    return best
  }

  /** Idle caches that prompts go on from. */
  private wanted(): Set<Cache> {
    const matches = this.prompts().map((prompt) => this.find(prompt, this.idle))
    return new Set(matches.flatMap((match) => (match && match.length >= WORTHWHILE ? match.cache : [])))
  }

  private evict(): void {
    if (this.idle.length === 0) return
    const wanted = this.wanted()
    const free = this.idle.filter((cache) => !wanted.has(cache))
    const least = this.capacity > 0 ? 1 : 0
    while (free.length > least && total(free) > this.capacity) {
      const cache = free.shift()!
      this.idle = this.idle.filter((other) => other !== cache)
      cache.inner.dispose()
    }
  }
}

function total(caches: readonly Cache[]): number {
  return caches.reduce((sum, { length }) => sum + length, 0)
}
