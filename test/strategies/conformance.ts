import { describe, expect, test } from 'vitest'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { wanting } from '../../src/generation/top-k.js'
import { type Output, type StateName, stateAt } from '../../src/model/model.js'
import { type Prefix, prefixOf, tokensOf } from '../../src/model/prefix.js'
import { NOTHING, type TokenTree } from '../../src/model/token-tree.js'
import { createRandom, sampleIndex } from '../../src/random.js'
import { buildProcessors, softmax } from '../../src/scores/processors/index.js'
import type { Choose } from '../../src/strategies/choose.js'
import { draftVerify } from '../../src/strategies/draft-verify.js'
import type { Drafter, LogitsProcessor, VerifiedStep, Verifier } from '../../src/strategies/strategy.js'
import { follow } from '../../src/strategies/verifiers.js'
import { type CreateDrafter, toyDrafters } from './toy-drafters.js'
import { ToyModel } from './toy-model.js'

export const PROMPT = [3, 1, 4, 1, 5, 9]

export const argmax: Choose = (scores) => scores.indexOf(Math.max(...scores))
export const draw: Choose = (scores, random) => sampleIndex(softmax(scores), random)

/** Processors whose scores depend on the whole prefix, and none. */
const CONFIGS = [{}, { repetition_penalty: 1.4, no_repeat_ngram_size: 2 }]
const LIMITS = [...Array.from({ length: 12 }, (_, i) => PROMPT.length + 1 + i), PROMPT.length + 40]

export interface Setting {
  /** Tokens of prompt and text. */
  readonly limit: number
  /** GenerationConfig fields. */
  readonly values?: Record<string, unknown>
  readonly seed?: number
  /** Tokens of the prompt that the cache holds before. */
  readonly cached?: number
}

export interface Run {
  readonly text: number[]
  readonly steps: number
  readonly drafted: number
  readonly accepted: number
}

/** Decodes to the limit on a toy model, and checks what every verifier, drafter and step must hold to. */
export async function decode(verify: Verifier, drafter: Drafter | undefined, setting: Setting): Promise<Run> {
  const { limit, values = {}, seed = 1, cached = 0 } = setting
  const model = new ToyModel()
  const cache = model.newCache()
  const prefill = PROMPT.slice(0, cached)
  if (cached > 0)
    await model.forward(
      cache,
      prefill,
      [...prefill.keys()].map((i) => i - 1),
      [],
    )
  const nodes = new NodeWatch(verify)
  const text = [...PROMPT]
  const drafts = drafter && new DraftWatch(drafter, text, limit, model)
  const prompt = prefixOf(PROMPT)
  const processors = [...processorsFor(values, limit), nodes.process]
  const [random, draftRandom] = [createRandom(seed), createRandom(seed + 1000)]
  const strategy = draftVerify(drafts && (() => drafts), nodes.verify)
  const run = { text, steps: 0, drafted: 0, accepted: 0 }
  const forwards = model.forwards
  const request = { cache, prompt, processors, random, draftRandom, limit }
  for await (const step of strategy({ ...request, model: wanting(model, { states: ['hidden'] }) })) {
    run.steps++
    run.drafted += step.drafted
    run.accepted += step.accepted
    expect(step.choices).toHaveLength(step.accepted + 1)
    expect(step.drafted).toBe(drafts?.takeSize() ?? 0)
    for (const { token, logits, hidden } of step.choices) {
      // As strings, which compare quickly.
      expect(String(logits)).toBe(String(model.logits(text)))
      expect(String(hidden)).toBe(String(model.hidden(text)))
      text.push(token)
    }
    expect(model.forwards - forwards).toBe(run.steps)
    expect(cache.length).toBe(text.length - 1)
    expect(String(cache.path(cache.length - 1))).toBe(String(text.slice(0, -1)))
    nodes.check(step.accepted)
  }
  expect(text).toHaveLength(limit)
  expect(drafts?.disposals ?? 1).toBe(1)
  return run
}

function processorsFor(values: Record<string, unknown>, maxLength: number): LogitsProcessor[] {
  const { config } = resolveGenerationConfig({ values, origin: 'the conformance test' })
  return buildProcessors(config, { promptLength: PROMPT.length, eosTokenIds: [], maxLength })
}

/** Holds processors to the nodes that the verifier looks at, each once, parents first. */
class NodeWatch {
  private readonly seen = new WeakSet<Prefix>()
  private processed = 0
  private readonly asked = new Set<number>()

  constructor(private readonly verifier: Verifier) {}

  readonly process: LogitsProcessor = (_, prefix) => {
    expect(this.seen.has(prefix)).toBe(false)
    // State that hangs off a prefix is found again from what goes on from it.
    if (prefix.length > PROMPT.length) expect(this.seen.has(prefix.parent!)).toBe(true)
    this.seen.add(prefix)
    this.processed++
  }

  readonly verify: Verifier = (draft, target, random) => {
    const result = this.verifier(draft, (node) => target(this.note(node)), random)
    for (const node of [-1, ...result.path]) this.note(node)
    return result
  }

  /** After a step. */
  check(accepted: number): void {
    expect(this.processed).toBe(this.asked.size)
    expect(this.processed).toBeGreaterThan(accepted)
    this.processed = 0
    this.asked.clear()
  }

  private note(node: number): number {
    this.asked.add(node)
    return node
  }
}

/** Holds the loop to what it tells a drafter, and the drafter to what it may propose. */
class DraftWatch implements Drafter {
  readonly states = ['hidden', 'residual', 0, 2] as const
  readonly logits = Number.POSITIVE_INFINITY
  disposals = 0
  private size = 0
  private tree: TokenTree = NOTHING
  private observed = -1

  constructor(
    private readonly drafter: Drafter,
    private readonly text: readonly number[],
    private readonly limit: number,
    private readonly model: ToyModel,
  ) {}

  async draft(prefix: Prefix, last: { hidden: Float32Array }, limit: number): Promise<TokenTree> {
    expect(String(tokensOf(prefix))).toBe(String(this.text))
    expect(String(last.hidden)).toBe(String(this.model.hidden(this.text.slice(0, -1))))
    // The target adds a token of its own.
    expect(limit).toBe(this.limit - this.text.length - 1)
    const reads = this.reads('hidden')
    const own = {
      get hidden() {
        if (!reads) throw new Error('The drafter does not say that it reads hidden states.')
        return last.hidden
      },
    }
    const tree = await this.drafter.draft(prefix, own, limit)
    this.check(tree, limit)
    this.size = tree.tokens.length
    this.tree = tree
    return tree
  }

  /** Each pass tells what became of the draft, a path from the root of it; the scores of all of it, and the states of what stays. */
  verified(step: VerifiedStep): void {
    const { draft, isOwn, path, prefix } = step
    const { parents } = draft
    expect(isOwn).toBe(true)
    expect(draft).toEqual(this.size > 0 ? this.tree : NOTHING)
    expect(path.every((node, i) => parents[node] === (path[i - 1] ?? -1))).toBe(true)
    const tokens = tokensOf(prefix)
    const accepted = path.map((node) => draft.tokens[node])
    const before = tokens.slice(0, -1 - path.length)
    expect(String(tokens.slice(before.length, -1))).toBe(String(accepted))
    const pathTo = (node: number): number[] =>
      node < 0 ? before : [...pathTo(parents[node]), draft.tokens[node]]
    for (const node of [-1, ...parents.keys()]) {
      expect(String(step.logits(node))).toBe(String(this.model.logits(pathTo(node))))
    }
    this.checkStates(step, tokens)
    this.drafter.verified?.({
      ...step,
      logits: (node) => {
        if (this.drafter.logits === undefined)
          throw new Error('The drafter does not say that it reads scores.')
        return step.logits(node)
      },
      states: (name) => {
        if (!this.reads(name)) throw new Error(`The drafter does not say that it reads ${name} states.`)
        return step.states(name)
      },
    })
  }

  /** The states are those of just the tokens that the pass added to the cache. */
  private checkStates(step: VerifiedStep, tokens: readonly number[]): void {
    const { model } = this
    const added = step.states('hidden').length
    const first = tokens.length - 1 - added
    if (this.observed >= 0) expect(first).toBe(this.observed)
    this.observed = tokens.length - 1
    for (let i = 0; i < added; i++) {
      const text = tokens.slice(0, first + i + 1)
      const expected = [model.hidden(text), model.residual(text), model.tap(text, 0), model.tap(text, 2)]
      expect(this.states.map((name) => String(step.states(name)[i]))).toEqual(expected.map(String))
    }
    expect(this.states.map((name) => step.states(name).length)).toEqual(Array(4).fill(added))
  }

  private reads(name: StateName): boolean {
    return this.drafter.states?.includes(name) ?? false
  }

  /** Nodes of the tree drafted since the last call. */
  takeSize(): number {
    const { size } = this
    this.size = 0
    return size
  }

  dispose(): void {
    this.disposals++
    this.drafter.dispose?.()
  }

  private check({ tokens, parents, probs }: TokenTree, limit: number): void {
    const { vocabSize } = this.model
    const depths: number[] = []
    expect(parents).toHaveLength(tokens.length)
    for (const [node, parent] of parents.entries()) {
      expect(parent >= -1 && parent < node, `node ${node} has the parent ${parent}`).toBe(true)
      expect(tokens[node] >= 0 && tokens[node] < vocabSize, `token ${tokens[node]}`).toBe(true)
      depths.push(parent < 0 ? 1 : depths[parent] + 1)
    }
    expect(Math.max(0, ...depths)).toBeLessThanOrEqual(limit)
    if (!probs) return
    expect(probs).toHaveLength(tokens.length)
    for (const row of probs) {
      expect(row).toHaveLength(vocabSize)
      expect(row.reduce((sum, p) => sum + p)).toBeCloseTo(1, 4)
    }
  }
}

/** A step without a draft, as it is told of: with the states of a pass over the tokens that `states` lists. */
export function stepAt(
  prefix: Prefix,
  states: Partial<Record<'hidden' | 'residual', Float32Array[]>>,
): VerifiedStep {
  const output = Object.fromEntries(
    Object.entries(states).map(([name, values]) => [name, (node: number) => values[node]]),
  ) as unknown as Output
  const added = Math.max(0, ...Object.values(states).map(({ length }) => length))
  return {
    draft: NOTHING,
    isOwn: true,
    path: [],
    prefix,
    logits: () => new Float32Array(0),
    states: (name) => Array.from({ length: added }, (_, i) => stateAt(output, name, i)),
  }
}

/** The settings under which a draft changes the text, each with both texts: none, for a lossless pair. */
export async function differences(verify: Verifier, createDrafter: CreateDrafter): Promise<string[]> {
  const found: string[] = []
  for (const values of CONFIGS) {
    for (const limit of LIMITS) {
      const setting = { limit, values, seed: limit }
      const plain = await decode(verify, undefined, setting)
      const drafted = await decode(verify, createDrafter(plain.text), setting)
      if (drafted.text.join() !== plain.text.join()) {
        found.push(`${JSON.stringify(setting)}: ${drafted.text}, not ${plain.text}`)
      }
    }
  }
  return found
}

/**
 * What every verifier must pass.
 * @param options.exact the same seed gives the same text whatever the drafter
 */
export function describeVerifier(name: string, verify: Verifier, { exact = true }: { exact?: boolean } = {}) {
  describe(`verifier ${name}`, () => {
    test.each(Object.entries(toyDrafters))('with %s', async (_, createDrafter) => {
      const found = await differences(verify, createDrafter)
      if (exact) expect(found).toEqual([])
    })

    test.each([1, 3, PROMPT.length - 1])('with %i tokens of the prompt cached', async (cached) => {
      const setting = { limit: PROMPT.length + 9 }
      const { text } = await decode(verify, undefined, setting)
      expect((await decode(verify, undefined, { ...setting, cached })).text).toEqual(text)
    })
  })
}

/** What every drafter must pass: proposals in its limits, the text of plain decoding, and an end. */
export function describeDrafter(name: string, createDrafter: CreateDrafter) {
  describe(`drafter ${name}`, () => {
    test.each([
      ['greedy', argmax],
      ['sampled', draw],
    ])('leaves %s text as it is', async (_, choose) => {
      expect(await differences(follow(choose), createDrafter)).toEqual([])
    })

    test('is disposed of where decoding is left or fails', async () => {
      const limit = PROMPT.length + 20
      const { text } = await decode(follow(argmax), undefined, { limit })
      for (const failing of [false, true]) {
        const model = new ToyModel()
        const drafter = new DraftWatch(createDrafter(text), [...PROMPT], limit, model)
        const fail: Choose = (scores) => {
          if (failing) throw new Error('no choice')
          return argmax(scores, Math.random)
        }
        const steps = draftVerify(
          () => drafter,
          follow(fail),
        )({
          model,
          cache: model.newCache(),
          prompt: prefixOf(PROMPT),
          processors: [],
          random: createRandom(1),
          draftRandom: createRandom(2),
          limit,
        })
        if (failing) await expect(steps.next()).rejects.toThrow('no choice')
        else expect((await steps.next()).done).toBe(false)
        await steps.return()
        expect(drafter.disposals).toBe(1)
      }
    })
  })
}
