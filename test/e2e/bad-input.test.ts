import { join } from 'node:path'
import { fileWriter, isolateEnvironment, on, temporaryDirectory } from './cli.js'
import { type BadInput, testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const model = writeTextModel(join(home, 'model'))
const file = fileWriter(home)
const json = (value: unknown) => file(JSON.stringify(value))
const hello = (...args: string[]) => on(model, 'hello', ...args)

isolateEnvironment(home)

const flags: BadInput[] = [
  {
    name: 'an unknown flag',
    args: hello('--frob'),
    code: 2,
    says: 'llm generate has no flag --frob: see --help.',
  },
  {
    name: 'a misspelt flag',
    args: hello('--temprature', '1'),
    code: 2,
    says: 'llm generate has no flag --temprature: did you mean --temperature?',
  },
  {
    name: 'two prompts',
    args: hello('again'),
    code: 2,
    says: 'The prompt is one argument, but "again" comes after it: put the whole in quotes.',
  },
  {
    name: 'an unknown --dtype',
    args: hello('--dtype', 'int3'),
    code: 2,
    says: 'Expected --dtype=int3 to be one of: auto, fp32, fp16, int8, int4, int4f16. See --help.',
  },
  {
    name: 'half precision on the CPU',
    args: hello('--dtype', 'fp16'),
    code: 2,
    says: 'The CPU does not compute in fp16: use --dtype fp32, int8 or int4.',
  },
  {
    name: 'an unknown --device',
    args: ['-m', model, 'hello', '--device', 'tpu'],
    code: 2,
    says: 'Expected --device=tpu to be one of: auto, cpu, webgpu, cuda. See --help.',
  },
  {
    name: 'the number of a device that cannot be chosen',
    args: hello('--device-id', '1'),
    code: 2,
    says: "A device id chooses among CUDA's devices, and the device is cpu: set it to cuda, or leave the id out.",
  },
  {
    name: 'the number of whatever device there is',
    args: ['-m', model, 'hello', '--device-id', '0'],
    code: 2,
    says: "A device id chooses among CUDA's devices, and the device is auto: set it to cuda, or leave the id out.",
  },
  {
    name: 'no threads',
    args: hello('--threads', '0'),
    code: 2,
    says: '--threads: Expected an integer greater than or equal to 1 but received: 0. See --help.',
  },
  {
    name: 'a word for a number',
    args: hello('--top-k', 'abc'),
    code: 2,
    says: '--top-k cannot be "abc": give a number.',
  },
  {
    name: 'a fraction for a whole number',
    args: hello('--max-new-tokens', '1.5'),
    code: 2,
    says: '--max-new-tokens cannot be "1.5": give a whole number.',
  },
  {
    name: 'nothing for a number',
    args: hello('--temperature', ''),
    code: 2,
    says: '--temperature cannot be "": give a number.',
  },
  {
    name: 'a list with a word in it',
    args: hello('--eos-token-id', '1,x'),
    code: 2,
    says: '--eos-token-id cannot be "x": give a number.',
  },
  {
    name: 'malformed JSON in a flag',
    args: hello('--watermarking-config', '{"bias": }'),
    code: 2,
    says: /^--watermarking-config is not valid JSON: .+\.$/,
  },
]

/** Field, value as a flag, and what the schema says of it. */
const ranges: readonly (readonly [flag: string, value: string, because: string])[] = [
  ['max-new-tokens', '0', 'give 1 or more'],
  ['max-length', '-1', 'give 1 or more'],
  ['max-time', '0', 'give more than 0'],
  ['min-new-tokens', '-1', 'give 0 or more'],
  ['temperature', '-1', 'give 0 or more'],
  ['top-k', '-5', 'give 0 or more'],
  ['top-p', '1.5', 'give 1 or less'],
  ['min-p', '2', 'give 1 or less'],
  ['typical-p', '0', 'give more than 0'],
  ['epsilon-cutoff', '1', 'give less than 1'],
  ['repetition-penalty', '0', 'give more than 0'],
  ['num-return-sequences', '0', 'give 1 or more'],
  ['seed', '-1', 'give 0 or more'],
]

const values: BadInput[] = [
  ...ranges.map(
    ([flag, value, because]): BadInput => ({
      name: `--${flag} ${value}`,
      args: hello('--do-sample', `--${flag}`, value),
      code: 2,
      says: new RegExp(`^${flag.replaceAll('-', '_')} in the flags cannot be ${value}: ${because}\\.$`),
    }),
  ),
  ...ranges.map(([flag, value, because]): BadInput => {
    const field = flag.replaceAll('-', '_')
    return {
      name: `${field} ${value} in a file`,
      args: hello('--config', json({ do_sample: true, [field]: Number(value) })),
      code: 2,
      says: new RegExp(`^${field} in \\S+ cannot be ${value}: ${because}\\.$`),
    }
  }),
  {
    name: 'a wrong kind in a file',
    args: hello('--config', json({ max_new_tokens: 'ten' })),
    code: 2,
    says: /^max_new_tokens in \S+ cannot be "ten": give a number\.$/,
  },
  {
    name: 'an empty stop string',
    args: hello('--stop', ''),
    code: 2,
    says: /^stop_strings in the flags cannot be \[""\] \(at 0\): .+\.$/,
  },
  {
    name: 'several faults at once',
    args: hello('--top-k', '-5', '--top-p', '7'),
    code: 2,
    says: /^top_k in the flags cannot be -5: .+\.\ntop_p in the flags cannot be 7: .+\.$/,
    lines: 2,
  },
  {
    name: 'an unknown field in a file',
    args: hello('--config', json({ max_new_token: 3 })),
    code: 2,
    says: /^max_new_token in \S+ is not a generation field; the nearest one is max_new_tokens\.$/,
  },
  {
    name: 'a token beyond the vocabulary',
    args: hello('--bad-words-ids', '[[99999]]'),
    code: 2,
    says: "bad_words_ids holds token 99999, but the model's vocabulary ends at 319.",
  },
]

const contradictions: BadInput[] = [
  {
    name: 'a prompt twice',
    args: hello('--prompt-file', file('bye')),
    code: 2,
    says: 'The prompt comes twice, as an argument and with --prompt-file: leave one out.',
  },
  {
    name: '--raw with --system',
    args: hello('--raw', '--system', 'Be kind.'),
    code: 2,
    says: '--system has no effect with --raw: leave one of them out.',
  },
  {
    name: '--raw with --chat-template',
    args: hello('--raw', '--chat-template', '{{ messages }}'),
    code: 2,
    says: '--chat-template has no effect with --raw: leave one of them out.',
  },
  {
    name: '--system without a chat template',
    args: hello('--system', 'Be kind.'),
    code: 2,
    says: '--system needs a chat template, which this model lacks: give one with --chat-template.',
  },
  {
    name: 'greedy with do_sample in a file',
    command: 'generate greedy',
    args: hello('--config', json({ do_sample: true })),
    code: 2,
    says: /^do_sample is true in \S+, but `llm generate ?greedy` sets it to false\.$/,
  },
  {
    name: 'greedy with --do-sample',
    command: 'generate greedy',
    args: hello('--do-sample'),
    code: 2,
    says: /^llm generate ?greedy has no flag --do-sample: /,
  },
  {
    name: '--temperature without --do-sample',
    args: hello('--temperature', '0.5'),
    code: 2,
    says: 'temperature is 0.5, but has no effect: set do_sample to true.',
  },
  {
    name: 'temperature 0 with --do-sample',
    args: hello('--do-sample', '--temperature', '0'),
    code: 2,
    says: 'temperature cannot be 0 while do_sample is true: set do_sample to false to take the best token.',
  },
  {
    name: '--max-length with --max-new-tokens',
    args: hello('--max-length', '50', '--max-new-tokens', '5'),
    code: 2,
    says: 'max_length is 50, but has no effect: max_new_tokens wins over it.',
  },
  {
    name: '--negative-prompt without --guidance-scale',
    args: hello('--negative-prompt', 'bye'),
    code: 2,
    says: 'A negative prompt has no effect without guidance: set guidance_scale to another value than 1.',
  },
  {
    name: 'several greedy sequences',
    args: hello('--num-return-sequences', '2'),
    code: 2,
    says: 'num_return_sequences is 2, but greedy decoding has one result: set do_sample to true, or num_beams to as many.',
  },
]

/** Two settings that cannot both be had, as the message names them. */
const mixes: BadInput[] = (
  [
    [['--num-beam-groups', '2', '--diversity-penalty', '1'], 'num_beam_groups is 2 while num_beams is 1'],
    [
      ['--diversity-penalty', '0.5', '--num-beams', '2'],
      'diversity_penalty is 0.5 while num_beam_groups is 1',
    ],
    [['--force-words-ids', '[[5]]'], 'force_words_ids is [[5]] while num_beams is 1'],
    [['--penalty-alpha', '0.6', '--do-sample'], 'penalty_alpha is 0.6 while do_sample is true'],
    [['--penalty-alpha', '0.6', '--num-beams', '2'], 'penalty_alpha is 0.6 while num_beams is 2'],
    [['--dola-layers', 'low', '--num-beams', '2'], 'dola_layers is "low" while num_beams is 2'],
  ] as const
).map(([args, says]) => ({
  name: args.join(' '),
  args: hello(...args),
  code: 2,
  says: new RegExp(`^${escaped(says)}, but .+\\.$`),
}))

function escaped(text: string): string {
  return text.replace(/[[\]]/g, '\\$&')
}

const unserved: BadInput[] = (
  [
    ['constraints', '[{}]', 'constraints as objects of Python'],
    ['use-mtp', undefined, 'a kind of assisted generation'],
    ['low-memory', undefined, 'less memory at the cost of time'],
    ['cache-implementation', 'static', 'a choice of cache'],
    ['prefill-chunk-size', '16', 'prefill in chunks'],
    ['encoder-repetition-penalty', '1.5', 'encoder-decoder models'],
  ] as const
).map(([flag, value, reason]) => ({
  name: `--${flag}`,
  args: hello(value === undefined ? `--${flag}` : `--${flag}=${value}`),
  code: 2,
  says: new RegExp(
    `^${flag.replaceAll('-', '_')} in the flags is .+, which asks for ${reason}.*: (leave it unset|set it to .+)\\.$`,
  ),
}))

testRefusals('flags', flags)
testRefusals('values', values)
testRefusals('contradictions', contradictions)
testRefusals('modes that do not go together', mixes)
testRefusals('modes that are not served', unserved)
