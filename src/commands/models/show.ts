import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.js'
import { modelFlags } from '../../cli/flags/model.js'
import { withOpenModel } from '../../cli/io/open-model.js'
import { BUILT_IN } from '../../language-model/built-in.js'
import { describeModel, type ModelDescription, namedTensors } from '../../language-model/describe.js'
import { formatBytes } from '../../ui/format.js'

export default class ModelsShow extends BaseCommand {
  static override summary = 'Show what a model is: architecture, size, special tokens, strategies, memory.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> ./model',
    '<%= config.bin %> <%= command.id %> model.gguf --json',
    '<%= config.bin %> <%= command.id %> HuggingFaceTB/SmolLM2-135M-Instruct',
  ]
  static override args = {
    model: Args.string({
      ignoreStdin: true,
      description: 'directory in HF layout, .gguf file, hub id org/name[@revision][:file.gguf], or built-in',
      default: BUILT_IN,
    }),
  }

  static override flags = { adapter: modelFlags.adapter }

  async run(): Promise<ModelDescription> {
    const { args, flags } = await this.parse(ModelsShow)
    const options = { adapter: flags.adapter, signal: this.interruptSignal() }
    return withOpenModel(args.model, options, async (opened) => {
      const description = describeModel(opened, await opened.loadTokenizer())
      for (const line of lines(description)) this.log(line)
      return description
    })
  }
}

function lines(description: ModelDescription): string[] {
  const { memory, special_tokens } = description
  const layers = `${description.layers} layers, hidden ${description.hidden_size}, ${description.attention_heads} heads`
  const rows: [string, string][] = [
    ['Model', description.path],
    [
      'Architecture',
      `${description.architecture} (${layers} over ${description.key_value_heads} key-value heads)`,
    ],
    ['Parameters', description.parameters.toLocaleString('en-US')],
    [
      'Dtypes',
      Object.entries(description.dtypes)
        .map(([dtype, bytes]) => `${dtype} ${formatBytes(bytes)}`)
        .join(', '),
    ],
    ['Context', `${description.context_length.toLocaleString('en-US')} tokens`],
    [
      'Vocabulary',
      `${description.vocab_size.toLocaleString('en-US')} tokens, ${description.tied_embeddings ? 'projected by the embedding' : 'with a projection of its own'}`,
    ],
    [
      'Special tokens',
      Object.entries(special_tokens)
        .map(([name, token]) => `${name} ${token}`)
        .join(', '),
    ],
    ['Chat template', description.chat_template ? 'yes' : 'no'],
    ['Strategies', description.strategies.join(', ')],
    [
      'Early exits',
      description.last_early_exit > 0 ? `after layers 1 to ${description.last_early_exit}` : 'none',
    ],
    ['Half precision', `${description.half_precision} (fp16, int4f16)`],
    [
      'Weights in memory',
      Object.entries(memory.weights)
        .map(([dtype, bytes]) => `${dtype} ${formatBytes(bytes)}`)
        .join(', '),
    ],
    [
      'Cache in memory',
      `${formatBytes(memory.cache_per_token)} a token, ${formatBytes(memory.cache_full_context)} at full context`,
    ],
  ]
  const { adapter, unused_tensors: unused } = description
  if (adapter !== undefined) rows.splice(1, 0, ['Adapter', adapter])
  if (unused.length > 0) rows.push(['Not used', namedTensors(unused)])
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}
