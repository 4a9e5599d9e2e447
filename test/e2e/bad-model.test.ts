import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GOLDEN, ggufBytes, safetensorsBytes } from '../weights/files.js'
import { fileWriter, isolateEnvironment, on, temporaryDirectory } from './cli.js'
import { type BadInput, testRefusals } from './refusal.js'
import { type TextModelOptions, writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const file = fileWriter(home)

isolateEnvironment(home)

let count = 0
/** A model with something wrong with it. */
function broken(options: TextModelOptions): string {
  return writeTextModel(join(home, `broken-${++count}`), options)
}

/** A model with one file replaced. */
function withFile(name: string, content: string | Buffer): string {
  const directory = broken({})
  writeFileSync(join(directory, name), content)
  return directory
}

const safetensors = readFileSync(join(broken({}), 'model.safetensors'))
const gguf = readFileSync(join(GOLDEN, 'llama.gguf'))
const oneTensor = (dtype: string, bytes: number) =>
  safetensorsBytes({ 'model.norm.weight': { dtype, shape: [2], data_offsets: [0, bytes] } }, bytes)
const oneGgufTensor = (type: number) =>
  ggufBytes({
    tensors: [{ name: 'output.weight', dimensions: [256n, 1n], type, offset: 0n }],
    dataBytes: 512,
  })
const damaged = (what: string) =>
  new RegExp(`^\\S+ is damaged or incomplete: ${what}; download or convert it again\\.$`)

const models: BadInput[] = [
  {
    name: 'a path that is not there',
    args: on(join(home, 'nowhere'), 'hello'),
    code: 2,
    says: /^There is no model at \S+\/nowhere: give a directory, a \.gguf file, a hub id such as org\/name, or built-in\.$/,
  },
  {
    name: 'models show of a path that is not there',
    command: 'models show',
    args: [join(home, 'nowhere')],
    code: 2,
    says: /^There is no model at \S+\/nowhere: /,
  },
  {
    name: 'a directory without config.json',
    args: on(broken({ without: ['config.json'] }), 'hello'),
    code: 1,
    says: /^\S+ has no config\.json: give the directory of a model, or a \.gguf file\.$/,
  },
  {
    name: 'a directory without tokenizer.json',
    args: on(broken({ without: ['tokenizer.json'] }), 'hello'),
    code: 1,
    says: /^\S+\/tokenizer\.json is missing: the model needs it to read text\.$/,
  },
  {
    name: 'a directory without weights',
    args: on(broken({ without: ['model.safetensors'] }), 'hello'),
    code: 1,
    says: /^\S+ has no weights: it needs model\.safetensors or model\.safetensors\.index\.json\.$/,
  },
  {
    name: 'a config.json that is not JSON',
    args: on(withFile('config.json', '{'), 'hello'),
    code: 1,
    says: /^\S+\/config\.json is not a JSON object: download the model again\.$/,
  },
  {
    name: 'truncated safetensors',
    args: on(withFile('model.safetensors', safetensors.subarray(0, 200_000)), 'hello'),
    code: 1,
    says: damaged('tensor \\S+ ends at byte \\d+, but the file has 200000'),
  },
  {
    name: 'safetensors with a corrupt header',
    args: on(
      withFile('model.safetensors', safetensorsBytes('{"model.norm.weight": {"dtype": "F3', 8)),
      'hello',
    ),
    code: 1,
    says: damaged('its header is not JSON'),
  },
  {
    name: 'safetensors with a header beyond its end',
    args: on(withFile('model.safetensors', Buffer.alloc(64, 1)), 'hello'),
    code: 1,
    says: damaged('its header claims \\d+ bytes'),
  },
  {
    name: 'truncated GGUF',
    args: on(file(gguf.subarray(0, gguf.length >> 1), 'half.gguf'), 'hello'),
    code: 1,
    says: damaged('.+'),
  },
  {
    name: 'a GGUF that is none',
    args: on(file('This is a text.', 'text.gguf'), 'hello'),
    code: 1,
    says: /text\.gguf .*GGUF/,
  },
  {
    name: 'a tensor of another shape than config.json says',
    args: on(broken({ config: { intermediate_size: 128 } }), 'hello'),
    code: 1,
    says: /^Tensor model\.layers\.0\.mlp\.\w+\.weight of \S+ has the shape \[(96,64|64,96)\], but its configuration asks for \[(128,64|64,128)\]\.$/,
  },
  {
    name: 'a tensor that is missing',
    args: on(broken({ config: { num_hidden_layers: 4 } }), 'hello'),
    code: 1,
    says: /^\S+ has no tensor model\.layers\.3\.\S+, which its configuration asks for\.$/,
  },
  {
    name: 'another architecture',
    args: on(broken({ config: { model_type: 'mamba', architectures: ['MambaForCausalLM'] } }), 'hello'),
    code: 1,
    says: /^\S+ is of the architecture "mamba", "MambaForCausalLM", which is not supported: use a model of Llama, Qwen2, Qwen3, Gemma 3\.$/,
  },
  ...(
    [
      ['F64', 16],
      ['I8', 2],
    ] as const
  ).map(
    ([dtype, bytes]): BadInput => ({
      name: `${dtype} weights`,
      args: on(withFile('model.safetensors', oneTensor(dtype, bytes)), 'hello'),
      code: 1,
      says: new RegExp(
        `^Tensor model\\.norm\\.weight of \\S+ has the dtype ${dtype}, which is not supported: use a checkpoint in F32, F16, BF16\\.$`,
      ),
    }),
  ),
  {
    name: 'a GGUF type that is not read',
    args: on(file(oneGgufTensor(16), 'iq2.gguf'), 'hello'),
    code: 1,
    says: /^Tensor output\.weight of \S+ has the type IQ2_XXS, which is not supported: use a file with F32, .+\.$/,
  },
]

testRefusals('a model that cannot be loaded', models)
