import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openModel } from '../../src/language-model/load.js'
import type { DecoderSpec } from '../../src/models/spec.js'
import { ELEMENT_TYPES, type FloatType, Graph, type Value } from '../../src/onnx/graph.js'
import { serialize } from '../../src/onnx/serialize.js'

export interface ExportOptions {
  /** Of the cache and the scores. */
  readonly type?: FloatType
  /** Whether it gives the scores of as many tokens as are asked for. */
  readonly keepsLogits?: boolean
  /** Whether it gives the last hidden states. */
  readonly givesStates?: boolean
  /** Whether its first layer is a convolution over two tokens, whose state is the last one: the layer kinds of LFM2. */
  readonly isRecurrent?: boolean
  /** Whether GroupQueryAttention attends and rotates, as in what onnxruntime-genai builds. */
  readonly isGrouped?: boolean
  /** Whether weights lie beside the graph. */
  readonly isExternal?: boolean
  /** Of files, `''` for `model.onnx` alone. */
  readonly suffixes?: readonly string[]
  readonly config?: object
}

/**
 * Writes a Llama as an export in transformers.js's layout: a graph in plain operators over batches of chains, which shares none of the
 * decoder's code, with tokenizer and settings beside it, and no safetensors.
 */
export async function writeExport(
  source: string,
  directory: string,
  options: ExportOptions = {},
): Promise<string> {
  const { isRecurrent = false, suffixes = [''] } = options
  mkdirSync(join(directory, 'onnx'), { recursive: true })
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json']) {
    copyFileSync(join(source, name), join(directory, name))
  }
  const { spec, store, config } = await openModel(source)
  const weights = new Map<string, Float32Array>()
  for (const name of store.tensors.keys()) weights.set(name, await store.read(name))
  await store.close()
  const kinds = { layer_types: ['conv', ...spec.layers.map(() => 'full_attention')] }
  const own = isRecurrent ? { model_type: 'lfm2', architectures: ['Lfm2ForCausalLM'], ...kinds } : {}
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ ...config, ...own, ...options.config }))
  for (const suffix of suffixes) {
    const file = `model${suffix}.onnx`
    const builder = new ExportBuilder(spec, weights, options, `${file}_data`)
    writeFileSync(join(directory, 'onnx', file), serialize(builder.build()))
    if (options.isExternal)
      writeFileSync(join(directory, 'onnx', `${file}_data`), Buffer.concat(builder.data))
  }
  return directory
}

class ExportBuilder {
  readonly data: Uint8Array[] = []
  private readonly graph = new Graph()
  private offset = 0

  constructor(
    private readonly spec: DecoderSpec,
    private readonly weights: ReadonlyMap<string, Float32Array>,
    private readonly options: ExportOptions,
    private readonly file: string,
  ) {}

  build(): Graph {
    const { graph, spec, options } = this
    const ids = graph.input('input_ids', 'int64', ['batch_size', 'sequence_length'])
    const seen = graph.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length'])
    const positions = graph.input('position_ids', 'int64', ['batch_size', 'sequence_length'])
    let x = graph.node('Gather', [
      this.weight('model.embed_tokens.weight', [spec.vocabSize, spec.hiddenSize]),
      ids,
    ])
    if (options.isRecurrent) x = this.convolution(x)
    const mask = this.mask(ids, seen)
    const rotary = this.rotary(positions)
    for (const layer of spec.layers.keys()) {
      const name = `model.layers.${layer}`
      const attended = this.attention(this.norm(x, `${name}.input_layernorm`), layer, mask, rotary)
      x = graph.node('Add', [x, attended])
      const normed = this.norm(x, `${name}.post_attention_layernorm`)
      const { hiddenSize, intermediateSize } = spec
      const gate = this.linear(normed, `${name}.mlp.gate_proj`, intermediateSize, hiddenSize)
      const up = this.linear(normed, `${name}.mlp.up_proj`, intermediateSize, hiddenSize)
      const active = graph.node('Mul', [graph.node('Mul', [gate, graph.node('Sigmoid', [gate])]), up])
      x = graph.node('Add', [x, this.linear(active, `${name}.mlp.down_proj`, hiddenSize, intermediateSize)])
    }
    this.head(this.norm(x, 'model.norm'))
    return graph
  }

  private head(states: Value): void {
    const { graph, spec, options } = this
    const { type = 'float32', givesStates, keepsLogits } = options
    let x = states
    if (givesStates) {
      graph.node('Identity', [states], {}, 'hidden_states')
      graph.output('hidden_states', 'float32', ['batch_size', 'sequence_length', spec.hiddenSize])
    }
    if (keepsLogits) {
      const start = graph.node('Unsqueeze', [
        graph.node('Neg', [graph.input('num_logits_to_keep', 'int64', [])]),
        graph.constant('int64', [0]),
      ])
      x = graph.node('Slice', [x, start, graph.constant('int64', [2 ** 31]), graph.constant('int64', [1])])
    }
    const name = spec.tiedHead ? 'model.embed_tokens' : 'lm_head'
    const logits = this.linear(x, name, spec.vocabSize, spec.hiddenSize)
    graph.cast(logits, 'float32', type, 'logits')
    graph.output('logits', type, ['batch_size', 'logits_length', spec.vocabSize])
  }

  /** x and half of the token before it, whose state is the last token. */
  private convolution(x: Value): Value {
    const { graph, spec } = this
    const past = graph.input('past_conv.0', 'float32', ['batch_size', spec.hiddenSize, 1])
    const byChannel = graph.node('Transpose', [x], { perm: [0, 2, 1] })
    const all = graph.node('Concat', [past, byChannel], { axis: 2 })
    const [axis, end] = [graph.constant('int64', [2]), graph.constant('int64', [2 ** 31])]
    graph.node('Slice', [all, graph.constant('int64', [-1]), end, axis], {}, 'present_conv.0')
    graph.output('present_conv.0', 'float32', ['batch_size', spec.hiddenSize, 1])
    const before = graph.node('Slice', [
      all,
      graph.constant('int64', [0]),
      graph.constant('int64', [-1]),
      axis,
    ])
    const half = graph.node('Mul', [before, graph.constant('float32', [0.5])])
    return graph.node('Add', [x, graph.node('Transpose', [half], { perm: [0, 2, 1] })])
  }

  private attention(x: Value, layer: number, mask: Value, rotary: readonly [Value, Value]): Value {
    const { graph, spec, options } = this
    if (options.isGrouped) return this.groupedAttention(x, layer)
    const { heads, kvHeads, headDim, hiddenSize } = spec
    const { type = 'float32', isRecurrent = false } = options
    const name = `model.layers.${layer}.self_attn`
    const headsOf = (part: string, count: number) =>
      graph.node(
        'Transpose',
        [
          this.reshape(this.linear(x, `${name}.${part}`, count * headDim, hiddenSize), [
            0,
            0,
            count,
            headDim,
          ]),
        ],
        { perm: [0, 2, 1, 3] },
      )
    const query = this.rotated(headsOf('q_proj', heads), rotary)
    const number = layer + Number(isRecurrent)
    const grown = (part: 'key' | 'value', added: Value) => {
      const shape = (length: string) => ['batch_size', kvHeads, length, headDim]
      const past = graph.input(`past_key_values.${number}.${part}`, type, shape('past_sequence_length'))
      const both = [graph.cast(past, type, 'float32'), added]
      const all = graph.node('Concat', both, { axis: 2 })
      graph.cast(all, 'float32', type, `present.${number}.${part}`)
      graph.output(`present.${number}.${part}`, type, shape('total_sequence_length'))
      return graph.node('Unsqueeze', [all, graph.constant('int64', [2])])
    }
    const keys = grown('key', this.rotated(headsOf('k_proj', kvHeads), rotary))
    const values = grown('value', headsOf('v_proj', kvHeads))
    const grouped = this.reshape(query, [0, kvHeads, heads / kvHeads, -1, headDim])
    const products = graph.node('MatMul', [
      grouped,
      graph.node('Transpose', [keys], { perm: [0, 1, 2, 4, 3] }),
    ])
    const scaled = graph.node('Mul', [products, graph.constant('float32', [spec.attentionScale])])
    const shares = graph.node('Softmax', [graph.node('Add', [scaled, mask])], { axis: -1 })
    const mixed = this.reshape(graph.node('MatMul', [shares, values]), [0, heads, -1, headDim])
    const byToken = graph.node('Transpose', [mixed], { perm: [0, 2, 1, 3] })
    return this.linear(
      this.reshape(byToken, [0, 0, heads * headDim]),
      `${name}.o_proj`,
      hiddenSize,
      heads * headDim,
    )
  }

  private groupedAttention(x: Value, layer: number): Value {
    const { graph, spec } = this
    const { heads, kvHeads, headDim, hiddenSize, maxPositions } = spec
    const name = `model.layers.${layer}.self_attn`
    const part = (which: string, count: number) =>
      this.linear(x, `${name}.${which}`, count * headDim, hiddenSize)
    const past = (['key', 'value'] as const).map((part) => {
      const shape = (length: string) => ['batch_size', kvHeads, length, headDim]
      graph.output(`present.${layer}.${part}`, 'float32', shape('total_sequence_length'))
      return graph.input(`past_key_values.${layer}.${part}`, 'float32', shape('past_sequence_length'))
    })
    const int32 = { to: ELEMENT_TYPES.int32 }
    const sums = graph.node('ReduceSum', ['attention_mask', graph.constant('int64', [1])], { keepdims: 0 })
    const last = graph.node('Cast', [graph.node('Sub', [sums, graph.constant('int64', [1])])], int32)
    const size = graph.node('Gather', [
      graph.node('Shape', ['attention_mask']),
      graph.constant('int64', [1], []),
    ])
    const table = (name: string, call: (angle: number) => number) => {
      const rows = Array.from({ length: maxPositions }, (_, at) =>
        spec.rope.full.map((turn) => call(at * turn)),
      )
      const bytes = new Uint8Array(Float32Array.from(rows.flat()).buffer)
      return graph.initializer(name, 'float32', [maxPositions, headDim / 2], { bytes })
    }
    const inputs = [part('q_proj', heads), part('k_proj', kvHeads), part('v_proj', kvHeads), ...past]
    const [attended] = graph.nodeWith(
      'com.microsoft::GroupQueryAttention',
      [...inputs, last, graph.node('Cast', [size], int32), table('cos', Math.cos), table('sin', Math.sin)],
      { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1, scale: { float: spec.attentionScale } },
      [graph.fresh('attended'), `present.${layer}.key`, `present.${layer}.value`],
    )
    return this.linear(attended, `${name}.o_proj`, hiddenSize, heads * headDim)
  }

  /** What is added to scores, [batch, 1, 1, T, S]: nothing where a token comes before and counts. */
  private mask(ids: Value, seen: Value): Value {
    const { graph } = this
    const size = (value: Value) =>
      graph.node('Gather', [graph.node('Shape', [value]), graph.constant('int64', [1], [])], { axis: 0 })
    const [count, all] = [size(ids), size(seen)]
    const range = (from: Value) => graph.node('Range', [from, all, graph.constant('int64', [1], [])])
    const rows = graph.node('Unsqueeze', [
      range(graph.node('Sub', [all, count])),
      graph.constant('int64', [1]),
    ])
    const later = graph.node('Greater', [range(graph.constant('int64', [0], [])), rows])
    const hidden = (value: Value) =>
      graph.node('Mul', [
        graph.node('Cast', [value], { to: ELEMENT_TYPES.float32 }),
        graph.constant('float32', [-1e9]),
      ])
    const uncounted = graph.node('Sub', [graph.constant('int64', [1], []), seen])
    const byRow = graph.node('Unsqueeze', [hidden(uncounted), graph.constant('int64', [1, 2, 3])])
    return graph.node('Add', [byRow, hidden(later)])
  }

  /** Cosines and sines, [batch, 1, T, headDim]. */
  private rotary(positions: Value): [Value, Value] {
    const { graph, spec } = this
    const float = graph.node('Cast', [positions], { to: ELEMENT_TYPES.float32 })
    const turns = graph.constant('float32', [...spec.rope.full])
    const half = graph.node('Mul', [graph.node('Unsqueeze', [float, graph.constant('int64', [1, 3])]), turns])
    const angles = graph.node('Concat', [half, half], { axis: -1 })
    return [graph.node('Cos', [angles]), graph.node('Sin', [angles])]
  }

  private rotated(x: Value, [cos, sin]: readonly [Value, Value]): Value {
    const { graph, spec } = this
    const sizes = graph.constant('int64', [spec.headDim / 2, spec.headDim / 2])
    const [first, second] = graph.nodeWith('Split', [x, sizes], { axis: -1 }, [
      graph.fresh('half'),
      graph.fresh('half'),
    ])
    const turned = graph.node('Concat', [graph.node('Neg', [second]), first], { axis: -1 })
    return graph.node('Add', [graph.node('Mul', [x, cos]), graph.node('Mul', [turned, sin])])
  }

  private norm(x: Value, name: string): Value {
    const { graph, spec } = this
    const squares = graph.node('ReduceMean', [graph.node('Mul', [x, x]), graph.constant('int64', [-1])], {
      keepdims: 1,
    })
    const root = graph.node('Sqrt', [
      graph.node('Add', [squares, graph.constant('float32', [spec.normEpsilon])]),
    ])
    return graph.node('Mul', [graph.node('Div', [x, root]), this.weight(`${name}.weight`, [spec.hiddenSize])])
  }

  private linear(x: Value, name: string, rows: number, columns: number): Value {
    const weight = this.weight(`${name}.weight`, [rows, columns])
    return this.graph.node('MatMul', [x, this.graph.node('Transpose', [weight], { perm: [1, 0] })])
  }

  private reshape(x: Value, shape: readonly number[]): Value {
    return this.graph.node('Reshape', [x, this.graph.constant('int64', shape)])
  }

  private weight(name: string, shape: number[]): Value {
    const { graph } = this
    if (graph.initializers.has(name)) return name
    const values = this.weights.get(name)!
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    if (!this.options.isExternal) return graph.initializer(name, 'float32', shape, { bytes })
    const { offset } = this
    this.data.push(bytes)
    this.offset += bytes.length
    return graph.initializer(name, 'float32', shape, { file: this.file, offset, length: bytes.length })
  }
}
