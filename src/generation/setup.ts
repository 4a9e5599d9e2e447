import { lengthLimit } from '../config/index.js'
import { isHeld } from '../config/structured.js'
import { checkTokenIds } from '../config/token-ids.js'
import { usageError } from '../errors.js'
import { type Prefix, prefixOf } from '../model/prefix.js'
import { AMATEUR_FIELDS, requireAmateurOf } from './amateur.js'
import { fitAssistant, refuseFields, refuseIdleFields } from './assistant.js'
import { checkBestOf, choosesByLogprob } from './best-of.js'
import type { Constraint } from './constraint.js'
import { requireMemory } from './memory.js'
import type { GenerateOptions, GenerationModel } from './options.js'
import { type Prepared, promptTokens } from './prepare.js'
import { requireServed } from './served.js'
import { Stopwatch } from './statistics.js'
import { anyOf, buildStoppingCriterion } from './stopping.js'
import { strategyFor } from './strategy.js'

export type Setup = Awaited<ReturnType<typeof setUp>>

/** Plan of a generation before its first pass. @throws UserError for settings or prompts that cannot be served */
export async function setUp(target: GenerationModel, prepared: Prepared, options: GenerateOptions) {
  const { model, tokenizer, spec, path } = target
  const { config, promptLength, ids } = prepared
  const { assistant: drafting, createDrafter } = options
  const isDrafted = (drafting ?? createDrafter) !== undefined
  const wants = { config, isAssisted: drafting !== undefined, isDrafted }
  requireServed(model.lacks, path ?? 'the model', wants)
  if (drafting) requireServed({ trees: drafting.model.lacks?.trees }, drafting.path, wants)
  const layers = prepared.layers.filter(({ fromModel }) => !fromModel)
  for (const layer of layers) checkTokenIds(layer, model.vocabSize)
  checkBestOf(config, options)
  const { chatTemplate, negativePrompt, amateur } = options
  const logprobs = options.logprobs ?? (choosesByLogprob(config, options) ? 0 : undefined)
  const { vocabSize } = model
  const shortest = amateur && amateur.model.maxPositions < model.maxPositions ? amateur.model : model
  const maxLength = lengthLimit(config, promptLength, shortest)
  requireMemory(config, { promptLength, maxLength, vocabSize, spec })
  const stopwatch = new Stopwatch(promptLength)
  const eosTokenIds = config.eos_token_id ?? tokenizer.eosTokenIds
  const prompt = prefixOf(ids)
  const constraint = await constraintOf(target, prepared, prompt, maxLength, options)
  const thinking = constraint ? constraint.thinking : prepared.thinking
  const processing = {
    promptLength,
    eosTokenIds,
    maxLength,
    tokenizer,
    decodeSuffix: (ids: number[]) => tokenizer.decode(ids),
    prefixAllowedTokensFn: options.prefixAllowedTokensFn,
    userProcessors: [
      ...prepared.processors,
      ...(thinking ? [thinking.process] : []),
      ...(options.processors ?? []),
    ],
    userCriteria: [...(constraint ? [constraint.stop] : []), ...(options.stoppingCriteria ?? [])],
    grammar: constraint?.processors,
  }
  const criterion = buildStoppingCriterion(config, processing)
  const stop = constraint ? anyOf([constraint.check, criterion]) : criterion
  const negative =
    negativePrompt === undefined ? undefined : promptTokens(target, negativePrompt, config, chatTemplate)
  const assistant =
    options.assistant && fitAssistant(options.assistant, { path: path ?? 'the model', model, tokenizer })
  refuseIdleFields(layers, assistant)
  if (amateur) requireAmateurOf({ path: path ?? 'the model', model, tokenizer }, amateur)
  else refuseFields(layers, AMATEUR_FIELDS, 'without an amateur model: give one')
  const strategy = strategyFor(config, { ...options, assistant, eosTokenIds, holder: constraint })
  const context = constraint?.context ?? ids
  const overlap = constraint?.overlap ?? prepared.overlap
  const maskedMass = options.maskedMass ? constraint?.maskedMass : undefined
  const parts = { config, tokenizer, prompt, promptIds: ids, context, overlap, stop, logprobs, maskedMass }
  return { config, processing, parts, negative, strategy, stopwatch, constraint }
}

/** Constraint that holds the text to a language, where the settings name one: free text loads nothing of grammars. */
async function constraintOf(
  target: GenerationModel,
  { config, thinking, healed }: Prepared,
  prompt: Prefix,
  limit: number,
  { onWarning, maskedMass }: GenerateOptions,
): Promise<Constraint | undefined> {
  if (isHeld(config)) {
    const { Constraint, heldOf } = await import('./constraint.js')
    const held = await heldOf(config, target, thinking?.hasBegun ? undefined : healed)
    for (const notice of held.language.notices ?? []) onWarning?.(notice)
    const { tokenizer, model } = target
    const onConflict = () => onWarning?.(CONFLICT)
    const takesDrafts = !model.lacks?.trees
    return new Constraint(held, { prompt, limit, tokenizer, takesDrafts, thinking, onConflict })
  }
  if (!maskedMass) return undefined
  throw usageError(
    'The masked mass is what a language takes away, and the text is free: name a language, as regex or schema, or leave it out.',
  )
}

const CONFLICT =
  'Other settings forbid all that the text may go on with to keep to its language, which therefore wins over them.'
