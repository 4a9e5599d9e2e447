import { Args } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.js'
import { modelFlags } from '../../cli/flags/model.js'
import { locateShown } from '../../cli/io/open-model.js'
import { contextReason } from '../../config/length.js'
import { BUILT_IN } from '../../language-model/built-in.js'
import { describeModel, type ModelDescription, namedTensors } from '../../language-model/describe.js'
import { describeExport, type ExportDescription } from '../../language-model/describe-export.js'
import type { ModelLocation } from '../../language-model/files.js'
import { openFound } from '../../language-model/open.js'
import { findRoad, type Road } from '../../language-model/road.js'
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
      description:
        'directory in HF layout, .gguf file, hub id org/name[@revision][:file.gguf or :Q4_K_M], or built-in',
      default: BUILT_IN,
    }),
  }

  static override flags = { adapter: modelFlags.adapter }

  async run(): Promise<ModelDescription | ExportDescription> {
    const { args, flags } = await this.parse(ModelsShow)
    const options = { adapter: flags.adapter, signal: this.interruptSignal() }
    const location = await locateShown(args.model, options)
    const description = await describe(location, await findRoad(location))
    const rows = description.road === 'export' ? exportRows(description) : graphRows(description)
    const width = Math.max(...rows.map(([name]) => name.length))
    for (const [name, value] of rows) this.log(`${name.padEnd(width)}  ${value}`)
    return description
  }
}

async function describe(location: ModelLocation, road: Road): Promise<ModelDescription | ExportDescription> {
  if (road.name === 'export') return describeExport(location.path, road)
  const opened = await openFound(location, road.files)
  try {
    return describeModel(opened, await opened.loadTokenizer(), road.why)
  } finally {
    await opened.store.close()
  }
}

type Rows = [string, string][]

function tokenRow(tokens: Readonly<Record<string, string>>): [string, string] {
  const named = Object.entries(tokens).map(([name, token]) => `${name} ${token}`)
  return ['Special tokens', named.join(', ')]
}

function exportRows(description: ExportDescription): Rows {
  const { onnx_files: files, chosen, lacks, memory } = description
  return [
    ['Model', description.path],
    ['Run by', `@huggingface/transformers, from its export to ONNX, since ${description.why}`],
    ['Architecture', description.architecture],
    [
      'ONNX files',
      files.map(({ type, path }) => `${type} ${path}${path === chosen.path ? ' (auto)' : ''}`).join(', '),
    ],
    ['Context', `${description.context_length.toLocaleString('en-US')} tokens`],
    ['Vocabulary', `${description.vocab_size.toLocaleString('en-US')} tokens`],
    tokenRow(description.special_tokens),
    ['Chat template', description.chat_template ? 'yes' : 'no'],
    ['Strategies', description.strategies.join(', ')],
    ...(lacks.states ? ([['Hidden states', `none: ${lacks.states}`]] as Rows) : []),
    ...(lacks.trees ? ([['Drafts and beams', `none: ${lacks.trees}`]] as Rows) : []),
    ['Cache in memory', `${formatBytes(memory.cache_per_token)} a token`],
  ]
}

function graphRows(description: ModelDescription): Rows {
  const { memory, special_tokens, convolution_layers: convolutions } = description
  const kinds = convolutions === undefined ? '' : `, ${convolutions} of them short convolutions`
  const layers = `${description.layers} layers${kinds}, hidden ${description.hidden_size}, ${description.attention_heads} heads`
  const rows: Rows = [
    ['Model', description.path],
    ['Run by', `a graph of llm's own, since ${description.why}`],
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
    [
      'Context',
      `${description.context_length.toLocaleString('en-US')} tokens${contextReason({ longContext: description.long_context })}`,
    ],
    [
      'Vocabulary',
      `${description.vocab_size.toLocaleString('en-US')} tokens, ${description.tied_embeddings ? 'projected by the embedding' : 'with a projection of its own'}`,
    ],
    tokenRow(special_tokens),
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
  return rows
}
