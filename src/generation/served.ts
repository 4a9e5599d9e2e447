import type { GenerationConfig } from '../config/index.js'
import { type GenerationMode, generationMode } from '../config/mode.js'
import { usageError } from '../errors.js'
import type { Lacks } from '../model/model.js'
import { keepsHidden } from './sequence.js'

/** What settings and options ask of a model. */
export interface Wants {
  /** Where the settings are known. */
  readonly config?: GenerationConfig
  /** Whether another model drafts, and whether anything beside the settings does. */
  readonly isAssisted?: boolean
  readonly isDrafted?: boolean
  /** What drafts or decodes with layers, states or weights of the model, as a user calls it. */
  readonly insides?: string
}

/**
 * Refuses what a model cannot give, by name.
 * @param name of the model, for messages
 * @throws UserError, exit code 2
 */
export function requireServed(lacks: Lacks | undefined, name: string, wants: Wants): void {
  if (!lacks) return
  const { config, isAssisted, isDrafted, insides } = wants
  const mode = config && generationMode(config, isAssisted)
  const refuse = (what: string, needed: string, why: string) => {
    throw usageError(
      `${what} needs ${needed}, but ${name} has none: ${why}. Use another strategy or another model.`,
    )
  }
  if (lacks.graph && insides) refuse(insides, 'layers and weights of a graph of our own', lacks.graph)
  if (lacks.graph && config?.dola_layers !== undefined) refuse('dola_layers', 'early exits', lacks.graph)
  if (lacks.graph && config?.assistant_early_exit !== undefined)
    refuse('assistant_early_exit', 'early exits', lacks.graph)
  if (lacks.states && mode === 'contrastive_search') refuse(mode, 'hidden states', lacks.states)
  if (lacks.states && config && keepsHidden(config))
    refuse('output_hidden_states', 'hidden states', lacks.states)
  if (!lacks.trees) return
  const branching = mode && BRANCHING.includes(mode) ? mode : isDrafted ? 'A draft' : undefined
  if (branching) refuse(branching, 'a cache that tokens can be taken out of', lacks.trees)
}

/** Modes that run tokens side by side or take some back. */
const BRANCHING: readonly GenerationMode[] = [
  'beam_search',
  'beam_sample',
  'group_beam_search',
  'constrained_beam_search',
  'contrastive_search',
  'assisted_generation',
]
