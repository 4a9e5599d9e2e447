import type { ConfigLayer } from '../config/index.js'
import { type GenerationSettings, layersOf } from '../config/settings.js'
import { usageError } from '../errors.js'
import type { SpelledAutomaton } from '../grammar/spelling/spelled.js'
import type { ToolDelta, ToolMessage } from '../tools/language.js'
import { generatePrepared } from './generate.js'
import type { GenerateOptions, GenerationModel, GenerationResult } from './options.js'
import { prepareFrom } from './prepare.js'
import type { Prompt } from './prompt.js'

/**
 * Generates an answer with tools, as it becomes known: its text, a call's name once it is whole, and then the call's arguments, whose pieces
 * together are their JSON text. Returns the result, whose value is the whole message. An answer that thinks first is told of at its end.
 * @throws UserError as `generate`; exit code 2 where settings name no tools, and for several sequences
 */
export async function* streamToolCalls(
  model: GenerationModel,
  prompt: Prompt,
  settings: GenerationSettings | readonly ConfigLayer[],
  options: GenerateOptions = {},
): AsyncGenerator<ToolDelta, GenerationResult, void> {
  const prepared = prepareFrom(model, prompt, layersOf(settings), options)
  const { config, thinking } = prepared
  if (config.tools === undefined) throw usageError('streamToolCalls() needs tools: set them.')
  if (config.num_return_sequences > 1)
    throw usageError('streamToolCalls() tells of one answer: leave num_return_sequences out.')
  const [{ heldOf }, { deltasOf, ToolStream }, { symbolsOf }] = await Promise.all([
    import('./constraint.js'),
    import('../tools/language.js'),
    import('../grammar/token-symbols.js'),
  ])
  const { grammar, language } = await heldOf(config, model)
  const stream = new ToolStream(language.automaton as SpelledAutomaton)
  const generation = generatePrepared(model, prepared, options)
  const { vocabulary, ends } = grammar.tokens
  if (!thinking) {
    for await (const { ids } of generation) {
      const said = ids.filter((id) => !ends.includes(id))
      yield* stream.push(symbolsOf(vocabulary, said))
    }
  }
  const result = await generation.result()
  if (thinking) yield* result.value === undefined ? [] : deltasOf(result.value as ToolMessage)
  else yield* stream.finish()
  return result
}
