import type { ForwardOptions, KVCache, Lacks, Model, Output } from './model.js'

/** An interface with all its members, so that a class or an object that lacks a new one does not compile. */
type All<T> = { readonly [Member in keyof Required<T>]: T[Member] }

/** Model around another one: all that it does not override is the inner model's. */
export class DelegatingModel implements All<Model> {
  constructor(protected readonly inner: Model) {}

  get lacks(): Lacks | undefined {
    return this.inner.lacks
  }

  get exits(): readonly number[] | undefined {
    return this.inner.exits
  }

  get taps(): readonly number[] | undefined {
    return this.inner.taps
  }

  get vocabSize(): number {
    return this.inner.vocabSize
  }

  get hiddenSize(): number {
    return this.inner.hiddenSize
  }

  get maxPositions(): number {
    return this.inner.maxPositions
  }

  get longContext(): number | undefined {
    return this.inner.longContext
  }

  newCache(prompt?: readonly number[]): KVCache {
    return this.inner.newCache(prompt)
  }

  forward(
    cache: KVCache,
    tokens: readonly number[],
    parents: readonly number[],
    nodes?: readonly number[],
    options?: ForwardOptions,
  ): Promise<Output> {
    return this.inner.forward(cache, tokens, parents, nodes, options)
  }
}

/** The same model with members of its own. */
export function delegate(model: Model, own: Partial<Pick<Model, 'newCache' | 'forward'>>): Model {
  return Object.assign(new DelegatingModel(model), own)
}

/** Output of the same pass with other numbers of its nodes. @param place of a node among those of `output`; by default the same */
export function renumber(output: Output, place: (node: number) => number = (node) => node): Output {
  const moved: All<Output> = {
    logits: (node) => output.logits(place(node)),
    hidden: (node) => output.hidden(place(node)),
    residual: output.residual && ((node) => output.residual!(place(node))),
    tap: output.tap && ((node, layer) => output.tap!(place(node), layer)),
    scores: output.scores && ((node, keepPossible) => output.scores!(place(node), keepPossible)),
    exits: output.exits && ((node) => output.exits!(place(node))),
  }
  return moved
}
