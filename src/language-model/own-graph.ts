import { type UserError, usageError } from '../errors.js'
import type { DecoderSpec } from '../models/spec.js'

/**
 * The specification of a model's graph.
 * @param purpose what needs it, as the beginning of a sentence: `Medusa heads need its states`
 * @throws UserError, exit code 2, for a model that is run from an export
 */
export function requireGraph(
  { path, spec }: { readonly path: string; readonly spec?: DecoderSpec },
  purpose: string,
): DecoderSpec {
  if (spec) return spec
  throw withoutGraph(path, purpose)
}

/** The sentence for what an export cannot serve. */
export function withoutGraph(path: string, purpose: string): UserError {
  return usageError(
    `${purpose}, but ${path} is run from its export to ONNX, which gives none: leave it out, or use a model with safetensors or a GGUF file of a family that there is a graph for.`,
  )
}
