import { describe, expect, test } from 'vitest'
import type { GenerateOptions } from '../../src/generation/options.js'
import { tokenRecycling } from '../../src/strategies/drafters/token-recycling.js'
import { SuffixIndex } from '../../src/strategies/suffix-index.js'
import { typicalAcceptance } from '../../src/strategies/verifiers.js'
import { type HeldModel, held, heldModel, LANGUAGES, leastTokens } from './held-text.js'

/** Byte-level tokens with several ends and with none, SentencePiece's, and a vocabulary that lacks characters. */
const MODELS = await Promise.all([
  heldModel('llama3', [1, 2]),
  heldModel('llama3', []),
  heldModel('llama2'),
  heldModel('metaspace'),
])

/** By model: the languages that it can spell, and the least tokens of each. */
const SPELLED = await Promise.all(
  MODELS.map(async (model) => {
    const languages = await Promise.all(
      Object.entries(LANGUAGES).map(async ([name, language]) => ({
        name,
        language,
        least: await leastTokens(model, language),
      })),
    )
    return languages.flatMap(({ least, ...rest }) => (least === undefined ? [] : [{ ...rest, least }]))
  }),
)

const SAMPLED = { do_sample: true, seed: 2 }
const drafter = ({ tokenizer: { eosTokenIds } }: HeldModel) =>
  tokenRecycling({ size: 12, depth: 4, eosTokenIds })

type Options = (model: HeldModel) => Promise<GenerateOptions> | GenerateOptions

const STRATEGIES: Readonly<Record<string, readonly [Record<string, unknown>, Options?]>> = {
  'greedy decoding': [{}],
  sampling: [SAMPLED],
  'samplers that cut': [
    {
      ...SAMPLED,
      ...{
        temperature: 0.7,
        dynatemp_range: 0.3,
        top_p: 0.5,
        top_k: 9,
        top_h: 0.5,
        top_n_sigma: 1,
        min_p: 0.5,
      },
      ...{ typical_p: 0.3, epsilon_cutoff: 0.1, eta_cutoff: 0.1, xtc_probability: 1, xtc_threshold: 0.01 },
    },
  ],
  'a nucleus of one token': [{ ...SAMPLED, top_p: 0.01 }],
  Mirostat: [{ ...SAMPLED, mirostat: 2 }],
  'several samples': [{ ...SAMPLED, num_return_sequences: 3 }],
  'the best of several samples': [{ ...SAMPLED, best_of: 3 }],
  'what most samples say': [{ ...SAMPLED, best_of: 3, select_by: 'majority' }],
  'a watermark': [{ ...SAMPLED, watermarking_config: {}, renormalize_logits: true }],
  beams: [{ num_beams: 4, num_return_sequences: 4 }],
  'more beams than there are texts': [{ num_beams: 12, num_return_sequences: 2, early_stopping: true }],
  'beams that are drawn': [{ ...SAMPLED, num_beams: 3, top_k: 3 }],
  'groups of beams': [{ num_beams: 4, num_beam_groups: 2, diversity_penalty: 1.5, num_return_sequences: 2 }],
  'contrastive search': [{ penalty_alpha: 0.6, top_k: 4 }],
  guidance: [{ guidance_scale: 1.5 }],
  'guidance of several samples away from a prompt': [
    { ...SAMPLED, guidance_scale: -0.5, num_return_sequences: 2 },
    () => ({ negativePrompt: 'No' }),
  ],
  'an amateur': [
    { amateur_alpha: 0.5 },
    async ({ path, tokenizer }) => ({ amateur: await heldModel(path, tokenizer.eosTokenIds) }),
  ],
  'prompt lookup': [{ prompt_lookup_num_tokens: 4 }],
  'lookup in a corpus': [
    { prompt_lookup_num_tokens: 4, max_matching_ngram_size: 1 },
    async ({ model, tokenizer }) => {
      const ids = Uint16Array.from(tokenizer.encode('{"name": "a b", "age": 1} 1.23 né yes no ab'))
      return { lookupCorpus: await SuffixIndex.build(ids, model.vocabSize) }
    },
  ],
  'token recycling': [{}, (model) => ({ createDrafter: drafter(model) })],
  'drafts that are typical': [
    SAMPLED,
    (model) => ({ createDrafter: drafter(model), verifier: typicalAcceptance() }),
  ],
  'a draft model': [{ assistant_confidence_threshold: 0 }, (model) => ({ assistant: model })],
  'trees of a draft model': [{}, (model) => ({ assistant: { ...model, treeNodes: 8 } })],
  'speculative sampling': [SAMPLED, (model) => ({ assistant: model })],
  'a draft model of other tokens': [{}, async () => ({ assistant: await heldModel('gemma') })],
  penalties: [{ repetition_penalty: 5, presence_penalty: 2, frequency_penalty: 2, dry_multiplier: 2 }],
  'tokens that may not be repeated': [{ no_repeat_ngram_size: 1 }],
  'more tokens than there may be': [{ min_new_tokens: 30 }],
  'tokens that are suppressed': [{ suppress_tokens: Array.from({ length: 400 }, (_, i) => i + 2) }],
  'one token that is allowed': [{ allowed_token_ids: [5] }],
  'a forced end, too soon': [{ forced_eos_token_id: 2 }],
  'a processor that scores every token': [
    {},
    () => ({ processors: [(logits: Float32Array) => void logits.fill(1)] }),
  ],
  'what was given beside settings': [{}, () => ({ prefixAllowedTokensFn: () => [7], logprobs: 3 })],
}

describe('the text is in its language, whatever the limit', () => {
  test.each(Object.entries(STRATEGIES))('%s', async (name, [settings, options = () => ({})]) => {
    const turn = Object.keys(STRATEGIES).indexOf(name)
    for (const [i, model] of MODELS.entries()) {
      const spelled = SPELLED[i]
      // Each model has some of the languages.
      for (const { language, least } of spelled.filter((_, j) => (i + j + turn) % 4 === 0)) {
        for (const more of [0, 1, 5]) {
          await held(model, language, { ...settings, max_new_tokens: least + more }, await options(model))
        }
      }
      expect(model.model.caches.size).toBe(0)
    }
  })
})
