import { describe, expect, it } from 'vitest'
import {
  fieldMeta,
  type GenerationField,
  generationConfigSchema,
  lengthLimit,
  resolveGenerationConfig,
} from '../../src/config/index.js'
import { UserError } from '../../src/errors.js'

const flags = (values: Record<string, unknown>) => ({ values, origin: 'the flags' })
const model = (values: Record<string, unknown>) => ({
  values,
  origin: 'generation_config.json',
  fromModel: true,
})
const resolve = (values: Record<string, unknown>) => resolveGenerationConfig(flags(values))

function failure(run: () => unknown): UserError {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    expect((error as UserError).exitCode).toBe(2)
    return error as UserError
  }
  throw new Error('nothing was thrown')
}

describe('layers', () => {
  it("start from HF's defaults", () => {
    expect(resolve({}).config).toEqual({
      do_sample: false,
      temperature: 1,
      top_k: 50,
      top_p: 1,
      typical_p: 1,
      epsilon_cutoff: 0,
      eta_cutoff: 0,
      xtc_probability: 0,
      xtc_threshold: 0.1,
      presence_penalty: 0,
      frequency_penalty: 0,
      repeat_last_n: -1,
      dry_multiplier: 0,
      dry_base: 1.75,
      dry_allowed_length: 2,
      dry_penalty_last_n: -1,
      dry_sequence_breakers: ['\n', ':', '"', '*'],
      top_n_sigma: -1,
      mirostat: 0,
      mirostat_tau: 5,
      mirostat_eta: 0.1,
      dynatemp_range: 0,
      dynatemp_exponent: 1,
      amateur_alpha: 0.1,
      num_return_sequences: 1,
      min_length: 0,
      repetition_penalty: 1,
      no_repeat_ngram_size: 0,
      remove_invalid_values: false,
      renormalize_logits: false,
      return_dict_in_generate: false,
      output_scores: false,
      output_logits: false,
      output_hidden_states: false,
      output_attentions: false,
      num_beams: 1,
      json_object: false,
      any_order: false,
      pretty: false,
      parallel_tool_calls: true,
      format: 'json',
      schema_in_prompt: true,
      early_stopping: false,
      length_penalty: 1,
      num_beam_groups: 1,
      diversity_penalty: 0,
      use_mtp: false,
      num_assistant_tokens: 20,
      num_assistant_tokens_schedule: 'constant',
      assistant_confidence_threshold: 0.4,
      assistant_lookbehind: 10,
      target_lookbehind: 10,
      is_assistant: false,
      use_cache: true,
      disable_compile: false,
      low_memory: false,
      token_healing: false,
      encoder_repetition_penalty: 1,
      encoder_no_repeat_ngram_size: 0,
    })
  })

  it('override one another in order; null and undefined are unset', () => {
    const { config } = resolveGenerationConfig(
      model({ temperature: 0.6, top_p: 0.9, do_sample: true, eos_token_id: [2, 3] }),
      { values: { temperature: 0.8, top_p: null }, origin: '--config my.json' },
      flags({ temperature: undefined, top_k: 7 }),
    )
    expect(config).toMatchObject({
      temperature: 0.8,
      top_p: 0.9,
      top_k: 7,
      do_sample: true,
      eos_token_id: [2, 3],
    })
  })

  it('give a list where one item is written bare', () => {
    const { config } = resolve({ eos_token_id: 2, stop_strings: 'END', forced_eos_token_id: 5 })
    expect(config).toMatchObject({ eos_token_id: [2], stop_strings: ['END'], forced_eos_token_id: [5] })
  })

  it("fill in HF's watermark settings", () => {
    expect(resolve({ watermarking_config: { bias: 3 } }).config.watermarking_config).toEqual({
      greenlist_ratio: 0.25,
      bias: 3,
      hashing_key: 15485863,
      seeding_scheme: 'lefthash',
      context_width: 1,
    })
  })

  it("pass over the bookkeeping and the runtime's settings of a model's file, and tell of unknown fields", () => {
    const { config, warnings, notices } = resolveGenerationConfig(
      model({
        transformers_version: '5.0.0',
        _from_model_config: true,
        trust_remote_code: true,
        cache_implementation: 'hybrid',
        chat_format: 'chatml',
        temperature: 0.6,
      }),
    )
    expect(config.temperature).toBe(0.6)
    expect(config).not.toHaveProperty('transformers_version')
    expect(warnings).toEqual([])
    expect(notices).toEqual([
      'chat_format in generation_config.json is not a generation field and is ignored.',
    ])
  })
})

describe('a contradiction', () => {
  it("names the model's file where its author set one of the two", () => {
    const own = { values: { do_sample: true }, origin: 'm/generation_config.json', fromModel: true }
    const flags = { values: { penalty_alpha: 0.6 }, origin: 'the flags' }
    expect(failure(() => resolveGenerationConfig(own, flags)).message).toBe(
      'penalty_alpha is 0.6 while do_sample is true in m/generation_config.json, but contrastive search does not sample: set do_sample to false, or leave penalty_alpha out.',
    )
  })
})

describe('refused', () => {
  it.each([
    [{ temprature: 1 }, 'temprature in the flags is not a generation field; the nearest one is temperature.'],
    [{ 'max-new-tokens': 1 }, 'the nearest one is max_new_tokens.'],
    [{ num_beams: 50_000 }, 'num_beams in the flags cannot be 50000: give 4096 or less.'],
    [{ transformers_version: '5' }, 'transformers_version in the flags is not a generation field'],
    [
      { logits_processor: [] },
      'logits_processor in the flags is not a generation field: pass it to generate() itself.',
    ],
    [{ top_p: 1.5 }, 'top_p in the flags cannot be 1.5: give 1 or less.'],
    [{ temperature: 'hot' }, 'temperature in the flags cannot be "hot": give a number'],
    [{ max_new_tokens: 0 }, 'max_new_tokens in the flags cannot be 0'],
    [{ max_new_tokens: 1.5 }, 'give a whole number'],
    [{ early_stopping: 'sometimes' }, 'early_stopping in the flags cannot be "sometimes"'],
    [{ bad_words_ids: [[1], []] }, '(at 1)'],
    [{ cache_implementation: 'fancy' }, 'cache_implementation in the flags cannot be "fancy"'],
    [{ watermarking_config: { seeding_scheme: 'righthash' } }, '(at seeding_scheme)'],
    [{ watermarking_config: { ngram_len: 5, keys: [1] } }, 'SynthID watermarks are not served yet'],
    [{ watermarking_config: { bias: 'x' } }, '(at bias): give a number.'],
    [{ watermarking_config: { made_up: 1 } }, 'leave made_up out.'],
    [{ dola_layers: 'medium' }, 'give "low" or "high", or a list.'],
    [{ dola_layers: [1.5] }, 'give "low" or "high", or a whole number at 0.'],
    [{ early_stopping: 'no' }, 'give true or false or "never".'],
    [{ stop_strings: [''] }, '(at 0): it is empty.'],
    [{ bad_words_ids: 'x' }, 'give a list.'],
    [{ sequence_bias: [[[1], 'x']] }, '(at 0.1): give a number, or false.'],
    [{ exponential_decay_length_penalty: [1] }, 'give at least 2 items.'],
    [{ do_sample: 1 }, 'give true or false.'],
    [{ seed: 2 ** 60 }, 'give 9007199254740991 or less.'],
    [{ suppress_tokens: Array(100).fill(-1) }, '-1,… (at 0): give 0 or more.'],
    [{ num_return_sequences: 2 }, 'set do_sample to true'],
    [{ do_sample: true, temperature: 0 }, 'temperature cannot be 0 while do_sample is true'],
    [
      { forced_eos_token_id: [1, 2], suppress_tokens: [0, 1, 2] },
      'every token of forced_eos_token_id (1, 2)',
    ],
    [{ forced_bos_token_id: 1, suppress_tokens: [1] }, 'every token of forced_bos_token_id (1)'],
  ])('%j', (values, message) => {
    const { message: told } = failure(() => resolve(values))
    expect(told).toContain(message)
    expect(told.length).toBeLessThan(300)
  })

  it('a field names the layer that it came from', () => {
    const run = () => resolveGenerationConfig(model({ top_p: 3 }), flags({ top_k: 4 }))
    expect(failure(run).message).toContain('top_p in generation_config.json cannot be 3')
  })

  it('only what overlaps entirely', () => {
    expect(() => resolve({ forced_eos_token_id: [1, 2], suppress_tokens: [1] })).not.toThrow()
  })

  it.each([
    ['constraints', [{}]],
    ['low_memory', true],
    ['use_mtp', true],
    ['assistant_ensemble_weight', 0.5],
    ['speculation_type', 'dflash'],
    ['encoder_repetition_penalty', 1.2],
    ['decoder_start_token_id', 0],
    ['output_attentions', true],
    ['use_cache', false],
    ['cache_implementation', 'static'],
    ['compile_config', {}],
    ['prefill_chunk_size', 64],
  ])('%s: a mode that is not here is refused by name', (field, value) => {
    expect(failure(() => resolve({ [field]: value })).message).toMatch(
      new RegExp(`^${field} in the flags is .* asks for `),
    )
  })

  it.each([
    [{ num_beams: 4, num_beam_groups: 3, diversity_penalty: 1 }, ['num_beam_groups', 'num_beams']],
    [{ num_beams: 4, num_beam_groups: 2 }, ['num_beam_groups', 'diversity_penalty']],
    [{ num_beams: 4, diversity_penalty: 0.5 }, ['diversity_penalty', 'num_beam_groups']],
    [
      { num_beams: 4, num_beam_groups: 2, diversity_penalty: 1, do_sample: true },
      ['num_beam_groups', 'do_sample'],
    ],
    [{ force_words_ids: [[1]] }, ['force_words_ids', 'num_beams']],
    [{ force_words_ids: [[1]], num_beams: 4, do_sample: true }, ['force_words_ids', 'do_sample']],
    [
      { force_words_ids: [[1]], num_beams: 4, num_beam_groups: 2, diversity_penalty: 1 },
      ['force_words_ids', 'num_beam_groups'],
    ],
    [{ penalty_alpha: 0.6, do_sample: true }, ['penalty_alpha', 'do_sample']],
    [{ penalty_alpha: 0.6, num_beams: 2 }, ['penalty_alpha', 'num_beams']],
    [{ penalty_alpha: 0.6, top_k: 1 }, ['penalty_alpha', 'top_k']],
    [{ penalty_alpha: 0.6, guidance_scale: 2 }, ['penalty_alpha', 'guidance_scale']],
    [{ dola_layers: 'low', num_beams: 2 }, ['dola_layers', 'num_beams']],
    [{ dola_layers: 'low', penalty_alpha: 0.6 }, ['dola_layers', 'penalty_alpha']],
    [{ dola_layers: 'low', guidance_scale: 2 }, ['dola_layers', 'guidance_scale']],
    [{ regex: 'a', choices: ['b'] }, ['regex', 'choices']],
    [{ schema: false, json_object: true }, ['schema', 'json_object']],
    [{ format: 'yaml' }, ['format', 'schema']],
    [{ format: 'csv', schema: 'name', pretty: true }, ['format', 'pretty']],
    [{ schema: 'name', grammar: 'root ::= "a"', json_object: false }, ['schema', 'grammar']],
  ])('%j contradicts itself, and both fields are named', (values, [first, second]) => {
    expect(failure(() => resolve(values)).message).toMatch(
      new RegExp(`^${first} is .* while ${second} is .*, but .+\\.$`),
    )
  })

  it.each([
    [
      [
        [
          [1, 2],
          [1, 2, 3],
        ],
      ],
      true,
    ],
    [[[[1], [1]]], true],
    [
      [
        [
          [1, 2],
          [1, 3],
        ],
      ],
      false,
    ],
    [
      [
        [1, 2],
        [1, 2, 3],
      ],
      false,
    ],
  ])('force_words_ids %j has an alternative that begins another: %s', (force_words_ids, refused) => {
    const run = () => resolve({ num_beams: 4, force_words_ids })
    if (refused) expect(failure(run).message).toContain('of which one begins the other')
    else expect(run).not.toThrow()
  })

  it('but not at its default', () => {
    const values = {
      num_beams: 1,
      use_cache: true,
      cache_implementation: 'dynamic',
      penalty_alpha: 0,
      use_mtp: false,
    }
    expect(resolve(values).config.num_beams).toBe(1)
  })
})

describe('warnings', () => {
  it.each([
    [{ temperature: 0.5, top_k: 5 }, ['temperature is 0.5, but', 'top_k is 5, but']],
    [
      { min_p: 0.1, top_h: 0.3, typical_p: 0.9, epsilon_cutoff: 0.1, eta_cutoff: 0.1, top_p: 0.5 },
      new Array(6).fill('set do_sample'),
    ],
    [{ early_stopping: true }, ['early_stopping is true, but has no effect: it belongs to beam search.']],
    [{ length_penalty: 2 }, ['length_penalty is 2']],
    [{ output_scores: true }, ['set return_dict_in_generate to true']],
    [{ output_scores: true, return_dict_in_generate: true }, []],
    [{ max_length: 30, max_new_tokens: 5 }, ['max_new_tokens wins']],
    [{ min_length: 30, min_new_tokens: 5 }, ['min_new_tokens wins']],
    [{ pad_token_id: -1 }, ['pad_token_id is -1']],
    [{ xtc_probability: 0.5, xtc_threshold: 0.2 }, new Array(2).fill('set do_sample')],
    [
      { do_sample: true, xtc_threshold: 0.2 },
      ['xtc_threshold is 0.2, but has no effect: set xtc_probability.'],
    ],
    [{ do_sample: true, xtc_probability: 0.5, xtc_threshold: 0.6 }, ['set xtc_threshold to 0.5 or less']],
    [{ do_sample: true, xtc_probability: 0.5, xtc_threshold: 0.5 }, []],
    [{ top_n_sigma: 1, mirostat: 2, dynatemp_range: 0.5 }, new Array(3).fill('set do_sample')],
    [{ do_sample: true, top_n_sigma: 1, dynatemp_range: 0.5, dynatemp_exponent: 2 }, []],
    [{ do_sample: true, mirostat_tau: 3, mirostat_eta: 0.2 }, new Array(2).fill('set mirostat to 2')],
    [{ do_sample: true, dynatemp_exponent: 2 }, ['set dynatemp_range']],
    [
      { do_sample: true, mirostat: 2, top_k: 5, top_p: 0.9, dynatemp_range: 0.5 },
      new Array(3).fill('mirostat stands in its place'),
    ],
    [{ do_sample: true, mirostat: 2, top_k: 0, temperature: 0.7, mirostat_tau: 3 }, []],
    [{ dry_base: 2, dry_sequence_breakers: [] }, new Array(2).fill('set dry_multiplier')],
    [{ dry_base: 2, dry_multiplier: 1 }, []],
    [{ repeat_last_n: 9 }, ['set repetition_penalty, presence_penalty or frequency_penalty']],
    [{ repeat_last_n: 9, presence_penalty: 1 }, []],
    [{ any_order: true, pretty: true, regex: 'a' }, ['any_order is true', 'set schema or json_object']],
    [{ format: 'yaml', schema: 'name' }, []],
    [{ any_order: true, schema_in_prompt: false, json_object: true }, ['set schema.']],
    [{ any_order: true, pretty: true, schema_in_prompt: false, schema: 'name' }, []],
    [{ thinking_start: '<a>', thinking_end: '<b>' }, new Array(2).fill('set thinking_budget')],
    [{ thinking_start: '<a>', thinking_end: '<b>', choices: ['a'] }, []],
    [{ temperature: 0.5, do_sample: true }, []],
    [{ temperature: 1 }, []],
  ])('%j', (values, expected) => {
    const { warnings } = resolve(values)
    expect(warnings.length).toBe(expected.length)
    for (const text of expected) expect(warnings.join('\n')).toContain(text)
  })

  it("are not given for the model author's values", () => {
    const { warnings } = resolveGenerationConfig(
      model({ temperature: 0.5, top_p: 0.9, max_length: 40 }),
      flags({ max_new_tokens: 3 }),
    )
    expect(warnings).toEqual([])
  })
})

describe('lengthLimit', () => {
  it.each([
    [{}, 10, 512, 30],
    [{ max_length: 40 }, 10, 512, 40],
    [{ max_new_tokens: 5, max_length: 40 }, 10, 512, 15],
    [{}, 500, 512, 512],
    [{ max_new_tokens: 600 }, 10, 512, 512],
  ])('%j with a prompt of %i in %i positions is %i', (values, prompt, positions, expected) => {
    expect(lengthLimit(resolve(values).config, prompt, { maxPositions: positions })).toBe(expected)
  })

  it('refuses a prompt that leaves no room', () => {
    const { config } = resolve({ max_length: 10 })
    expect(failure(() => lengthLimit(config, 10, { maxPositions: 512 })).message).toContain(
      'max_length is 10',
    )
    expect(failure(() => lengthLimit(config, 600, { maxPositions: 512 })).message).toContain(
      "model's context ends at 512",
    )
  })
})

it('every field says how it is written', () => {
  for (const field of Object.keys(generationConfigSchema.shape) as GenerationField[]) {
    const { description, group, kind } = fieldMeta(field)
    expect(description.length, field).toBeGreaterThan(5)
    expect(group, field).toBeTruthy()
    expect(kind, field).toMatch(/^(boolean|integer|number|string|integers|strings|json)$/)
  }
})
