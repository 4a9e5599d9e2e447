import { Flags } from '@oclif/core'
import type { MedusaSettings } from '../../drafting/heads.js'
import { usageError } from '../../errors.js'

const MEDUSA = { helpGroup: 'MEDUSA' }
const MTP = { helpGroup: 'MULTI-TOKEN PREDICTION' }

/** How flags of heads go with others, where not every run of a command has heads. */
interface Relations {
  /** What names the heads. */
  readonly dependsOn?: string[]
  /** What drafts in their place. */
  readonly exclusive?: string[]
}

/**
 * Which Medusa heads draft, and how much.
 * @param defaultNodes in words
 */
export function medusaFlags(defaultNodes: string, { dependsOn, exclusive }: Relations = {}) {
  return {
    'medusa-heads': Flags.string({
      ...MEDUSA,
      helpValue: 'DIR',
      description: 'directory of the heads, as `llm train medusa` writes them',
      exclusive,
    }),
    'medusa-nodes': Flags.integer({
      ...MEDUSA,
      min: 1,
      max: 256,
      description: `nodes of the tree: the likeliest ones, chosen for each draft [${defaultNodes}]`,
      dependsOn,
    }),
    'medusa-choices': Flags.string({
      ...MEDUSA,
      helpValue: 'JSON',
      description: "a fixed tree in its place, Medusa's medusa_choices: [[0], [0, 0], [1], …]",
      dependsOn,
      exclusive: ['medusa-nodes'],
    }),
  }
}

/** Which modules of multi-token prediction draft, and how much. */
export function mtpFlags({ dependsOn, exclusive }: Relations = {}) {
  return {
    'mtp-modules': Flags.string({
      ...MTP,
      helpValue: 'DIR',
      description: 'directory of the modules or parallel heads, as `llm train mtp` writes them',
      exclusive,
    }),
    'mtp-depth': Flags.integer({
      ...MTP,
      min: 1,
      max: 16,
      description: 'tokens to guess at a time [as many as pay]',
      dependsOn,
    }),
  }
}

interface LookupRelations extends Pick<Relations, 'exclusive'> {
  /** What names the heads. */
  readonly needsOneOf?: string[]
}

/** Whether prompt lookup drafts beside heads. */
export function besideLookupFlag({ exclusive, needsOneOf }: LookupRelations = {}) {
  return {
    lookup: Flags.boolean({
      helpGroup: 'STRATEGY',
      description:
        'draft what followed the last tokens where they stood before, if they did, and only else by heads',
      exclusive,
      ...(needsOneOf && { relationships: [{ type: 'some', flags: needsOneOf }] }),
    }),
  }
}

/**
 * The tree of Medusa's flags.
 * @throws UserError, exit code 2, for what is no list of paths
 */
export function medusaTree(flags: {
  readonly 'medusa-nodes'?: number
  readonly 'medusa-choices'?: string
}): MedusaSettings['tree'] {
  const choices = flags['medusa-choices']
  return choices === undefined ? flags['medusa-nodes'] : treeOf(choices)
}

function treeOf(text: string): number[][] {
  const isRank = (rank: unknown) => Number.isInteger(rank) && Number(rank) >= 0 && Number(rank) < 10
  const isPath = (path: unknown) => Array.isArray(path) && path.length > 0 && path.every(isRank)
  const value = parsed(text)
  if (Array.isArray(value) && value.length > 0 && value.every(isPath)) return value
  throw usageError(
    '--medusa-choices is no list of paths of ranks from 0 to 9: write [[0], [0, 0], [1]], for example.',
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
