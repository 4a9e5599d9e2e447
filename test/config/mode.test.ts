import { describe, expect, it } from 'vitest'
import { type GenerationConfig, generationConfigSchema } from '../../src/config/index.js'
import { generationMode, MODES } from '../../src/config/mode.js'

const config = (values: Partial<GenerationConfig>): GenerationConfig => generationConfigSchema.parse(values)

describe('generationMode', () => {
  // What HF's GenerationConfig(**values).get_generation_mode() gives with its defaults filled in.
  it.each([
    [{}, 'greedy_search'],
    [{ do_sample: true }, 'sample'],
    [{ num_beams: 4 }, 'beam_search'],
    [{ num_beams: 4, do_sample: true }, 'beam_sample'],
    [{ num_beams: 4, num_beam_groups: 2 }, 'group_beam_search'],
    [{ num_beams: 4, force_words_ids: [[1]] }, 'constrained_beam_search'],
    [{ penalty_alpha: 0.6, top_k: 4 }, 'contrastive_search'],
    [{ penalty_alpha: 0.6, top_k: 1 }, 'greedy_search'],
    [{ penalty_alpha: 0.6, do_sample: true }, 'sample'],
    [{ prompt_lookup_num_tokens: 5 }, 'assisted_generation'],
    [{ use_mtp: true, do_sample: true }, 'assisted_generation'],
    [{ assistant_early_exit: 4 }, 'assisted_generation'],
    [{ prompt_lookup_num_tokens: 5, num_beams: 2 }, 'beam_search'],
    [{ dola_layers: 'low' as const }, 'dola_generation'],
    [{ dola_layers: 'low' as const, prompt_lookup_num_tokens: 2 }, 'assisted_generation'],
  ])('%j is %s', (values, mode) => {
    expect(generationMode(config(values))).toBe(mode)
  })

  it('is assisted with an assistant model, in greedy decoding and sampling', () => {
    const modes = [{}, { do_sample: true }, { num_beams: 2 }].map((values) =>
      generationMode(config(values), true),
    )
    expect(modes).toEqual(['assisted_generation', 'assisted_generation', 'beam_search'])
  })

  it('serves all modes', () => {
    expect(MODES).toEqual([
      'greedy_search',
      'sample',
      'beam_search',
      'beam_sample',
      'group_beam_search',
      'constrained_beam_search',
      'contrastive_search',
      'assisted_generation',
      'dola_generation',
    ])
  })
})
