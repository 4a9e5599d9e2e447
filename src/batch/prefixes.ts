import type { Member } from '../engine/lockstep.js'
import type { MergingModel } from '../model/branches.js'
import type { Branch, Model } from '../model/model.js'

/** Tokens that are worth a pass of their own. */
const WORTHWHILE = 16

type Ids = readonly number[]

/** A beginning that prompts have in common. */
interface Prefix {
  readonly ids: Ids
  /** Holds it. */
  readonly branch: Promise<Branch>
  /** Prompts that are about to go on from it. */
  users: number
}

/** Who decodes a prompt, and with what. */
export interface Decoding {
  readonly member: Member
  /** The model, for this member. */
  readonly model: Model
}

/**
 * What prompts begin with alike, as a system prompt, is computed once: it is kept as a cache of the model as long as a
 * prompt that waits begins with it, and each prompt goes on from there.
 */
export class SharedPrefixes {
  private prefixes: Prefix[] = []

  constructor(private readonly model: MergingModel) {}

  /**
   * A cache with the beginning of a prompt, or nothing where it has none in common with others.
   * @param waiting prompts that come later
   */
  async begin(ids: Ids, waiting: readonly Ids[], decoding: Decoding): Promise<Branch | undefined> {
    // The last token of a prompt gives the first scores.
    const prompt = ids.slice(0, -1)
    const prefix = this.find(prompt, waiting, decoding)
    return prefix && this.goOn(prefix, prompt, decoding)
  }

  /** Forgets what none of the prompts that wait begins with. */
  release(waiting: readonly Ids[]): void {
    const isWanted = ({ ids, users }: Prefix) =>
      users > 0 || waiting.some((prompt) => commonLength(ids, prompt) >= WORTHWHILE)
    for (const prefix of this.prefixes) {
      if (!isWanted(prefix)) void prefix.branch.then((branch) => branch.dispose())
    }
    this.prefixes = this.prefixes.filter(isWanted)
  }

  /** The longest that is there, or a new one that goes on from it. */
  private find(prompt: Ids, waiting: readonly Ids[], decoding: Decoding): Prefix | undefined {
    let longest: Prefix | undefined
    let known = WORTHWHILE - 1
    for (const prefix of this.prefixes) {
      const length = commonLength(prefix.ids, prompt)
      if (length > known) [longest, known] = [prefix, length]
    }
    if (!longest) known = 0
    const common = Math.max(0, ...waiting.map((other) => commonLength(prompt, other)))
    if (common - known < WORTHWHILE) return longest
    const ids = prompt.slice(0, common)
    const prefix = { ids, branch: this.compute(ids, longest, decoding), users: 0 }
    this.prefixes.push(prefix)
    return prefix
  }

  private async compute(ids: Ids, source: Prefix | undefined, decoding: Decoding): Promise<Branch> {
    const branch = source ? await this.goOn(source, ids, decoding) : this.model.newCache()
    const start = branch.length
    const rest = ids.slice(start)
    try {
      await decoding.model.forward(
        branch,
        rest,
        rest.map((_, i) => start + i - 1),
        [],
        { states: [] },
      )
      return branch
    } catch (error) {
      branch.dispose()
      throw error
    }
  }

  /** A branch with what a prompt has in common with a prefix. */
  private async goOn(prefix: Prefix, prompt: Ids, { member }: Decoding): Promise<Branch> {
    prefix.users++
    try {
      const branch = (await member.wait(prefix.branch)).fork()
      branch.keep([...Array(commonLength(prefix.ids, prompt)).keys()])
      return branch
    } catch (error) {
      this.prefixes = this.prefixes.filter((other) => other !== prefix)
      throw error
    } finally {
      prefix.users--
    }
  }
}

function commonLength(a: Ids, b: Ids): number {
  let length = 0
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length++
  return length
}
