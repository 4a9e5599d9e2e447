import type { CreateDraftControl } from './draft-control.js'
import type { CreateDrafter, Verifier } from './strategy.js'

/** How a sequence is drafted and verified: what every way to draft comes to. */
export interface Drafting {
  readonly createDrafter: CreateDrafter
  /** Decides how much is drafted; by default the drafter does. */
  readonly createControl?: CreateDraftControl
  /** Decides which drafts stay; by default the target chooses and the draft is followed, which is lossless for drafts without chance. */
  readonly verifier?: Verifier
}
