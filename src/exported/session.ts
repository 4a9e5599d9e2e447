import type { PreTrainedModel } from '@huggingface/transformers'
import { UserError } from '../errors.js'
import type { Placement } from '../runtime/device.js'
import { loadFailure } from '../runtime/failures.js'
import '../runtime/ort.js'
import { type ExportedFile, GRAPH_NAME } from './files.js'

/** A tensor of transformers.js's, in host memory. */
export interface HostTensor {
  readonly type: string
  readonly data: Float32Array | Uint16Array | BigInt64Array
  readonly dims: number[]
}

export type MakeTensor = (type: string, data: HostTensor['data'], dims: number[]) => HostTensor

/** A graph that transformers.js runs. */
export interface ExportedSession {
  readonly make: MakeTensor
  /** What the graph gives by the names of its outputs; the inputs that it has and are not given are transformers.js's business. */
  run(
    inputs: Readonly<Record<string, HostTensor | Readonly<Record<string, HostTensor>>>>,
  ): Promise<Record<string, HostTensor>>
  release(): Promise<void>
}

type Library = typeof import('@huggingface/transformers')

/**
 * Has transformers.js load a model's graph; its library takes most of a second, and is loaded here alone.
 * @param directory absolute
 * @throws UserError for an architecture that it does not know, and as `createSession`
 */
export async function loadSession(
  directory: string,
  config: Readonly<Record<string, unknown>>,
  { dtype }: ExportedFile,
  { device, deviceId, threads }: Placement & { readonly threads: number },
): Promise<ExportedSession> {
  const library = await loadLibrary()
  const { AutoModelForCausalLM, PretrainedConfig } = library
  if (!AutoModelForCausalLM.supports(config.model_type as string)) {
    throw new UserError(
      `${directory} is of the architecture ${JSON.stringify(config.model_type)}, which @huggingface/transformers decodes no text with: use another model.`,
    )
  }
  const options = {
    config: new PretrainedConfig(config),
    dtype,
    // The device of the session is below: where transformers.js knows of a GPU it leaves the cache there, where it cannot be cut back.
    device: 'cpu',
    local_files_only: true,
    // ONNX Runtime finds weights beside a graph by itself; transformers.js would end the process where one that config.json names is missing.
    use_external_data_format: false,
    session_options: {
      executionProviders: [deviceId === undefined ? device : { name: device, deviceId }],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      extra: { session: { force_spinning_stop: '1' } },
    },
  }
  const load = () => AutoModelForCausalLM.from_pretrained(directory, options as never)
  const model = await quietly(library, load).catch((error) => {
    throw loadFailure(error, { device, deviceId })
  })
  await requireOneGraph(model, directory)
  return sessionOf(library, model)
}

async function loadLibrary(): Promise<Library> {
  try {
    return await import('@huggingface/transformers')
  } catch (cause) {
    const remedy = 'install it again, or use a model with safetensors or a GGUF file'
    throw new UserError(
      `@huggingface/transformers, which runs exports to ONNX, cannot be loaded: ${remedy}.`,
      1,
      { cause },
    )
  }
}

/** What fails is told of by an exception; the library's log would repeat it, with all of the inputs. */
async function quietly<T>({ env, LogLevel }: Library, call: () => Promise<T>): Promise<T> {
  const level = env.logLevel
  env.logLevel = LogLevel.NONE
  try {
    return await call()
  } finally {
    env.logLevel = level
  }
}

function sessionOf(library: Library, model: PreTrainedModel): ExportedSession {
  const { Tensor } = library
  let released: Promise<unknown> | undefined
  return {
    make: (type, data, dims) => new Tensor(type as never, data as never, dims) as unknown as HostTensor,
    run: async (inputs) => {
      if (released) throw new UserError('The model was disposed of: load it again.')
      return quietly(library, () => model.forward(inputs)) as Promise<Record<string, HostTensor>>
    },
    release: async () => {
      released ??= model.dispose()
      await released
    },
  }
}

/** @throws UserError for encoders beside a decoder, and parts for images or sound */
async function requireOneGraph(model: PreTrainedModel, directory: string): Promise<void> {
  const names = Object.keys(model.sessions)
  if (names.length === 1 && names[0] === GRAPH_NAME) return
  await model.dispose()
  throw new UserError(
    `${directory} is made of several graphs (${names.join(', ')}), which are not served: use a model of text alone.`,
  )
}
