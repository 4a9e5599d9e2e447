/**
 * How fast models are on a GPU: decoding by context and batch, prefill, passes of several tokens, drafters, the share of the memory's
 * bandwidth that decoding reaches; beside eager HF transformers where --python names one.
 *
 *     npx tsx bench/gpu.ts --device webgpu --models DIR [--shapes smollm2-135m,smollm2-1.7b,llama-3-8b] [--model PATH]…
 *         [--dtype auto] [--device-id N] [--contexts 128,1024,4096] [--batches 1,8,32] [--tokens 1,2,4,8,16,32,64]
 *         [--rounds 5] [--steps 32] [--most-columns 40000] [--bandwidth GB/s] [--python PYTHON] [--no-drafters] [--drafter-seconds 60]
 *         [--threads N]
 *         [--seed 0] [--json FILE] [--markdown FILE]
 *
 * Needs
 * - a checkout of this repository, Node 20.19 or newer, and `npm install` in it;
 * - for --device webgpu a driver of the GPU, on Linux for Vulkan with libvulkan1 (`llm doctor` tells);
 * - for --device cuda x64 Linux or Windows, an NVIDIA driver for CUDA 12, the libraries of CUDA 12 (cudart, cublas, cublasLt, cufft, curand)
 *   and cuDNN 9 on the library path, which the wheels nvidia-{cuda-runtime,cublas,cufft,curand,cudnn}-cu12 hold as well, and the provider:
 *   `ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node`, or for CUDA 13 by hand, see docs/devices.md;
 * - for --python a Python with torch (with CUDA, where the device is not the CPU) and transformers;
 * - in the DIR of --models room for random weights in float16, written once: 0.3, 3.4 and 16 GB, and as much memory on the device and the
 *   host as the run type needs (llama-3-8b: int4 6 GB, fp32 32 GB); converted weights are kept in $XDG_CACHE_HOME/llm.
 *
 * --shapes names models with random weights (tiny is for trying this program); without --models there are none. --model is a model in
 * HF layout, or built-in, whose drafters are measured too (not with --no-drafters); it may be given several times. --dtype is passed on. Sequences of a
 * batch have prompts of their own and are branches of one tree, as in `llm batch`: what would be more columns of the cache than
 * --most-columns is left out. Sides take turns, backwards in every other round, after one that does not count; figures are medians, ratios
 * those of the same round. The bandwidth is measured by a graph that copies 128 MiB again and again, unless it is given.
 */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { BUILT_IN, BUILT_IN_DIRECTORY } from '../src/language-model/built-in.js'
import { DEVICES, type Device } from '../src/runtime/device.js'
import type { RuntimeOptions } from '../src/runtime/load.js'
import { header, positive } from './common.js'
import { describeDevice, measureBandwidth } from './gpu/device.js'
import { markdown } from './gpu/report.js'
import { measureModel, type Results, type Settings, type Subject } from './gpu/run.js'
import { SHAPE_NAMES, type ShapeName, shapeDirectory } from './gpu/shapes.js'

function options() {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      device: text,
      'device-id': text,
      dtype: { ...text, default: 'auto' },
      models: text,
      shapes: { ...text, default: 'smollm2-135m,smollm2-1.7b,llama-3-8b' },
      model: { ...text, multiple: true, default: [] as string[] },
      contexts: { ...text, default: '128,1024,4096' },
      batches: { ...text, default: '1,8,32' },
      tokens: { ...text, default: '1,2,4,8,16,32,64' },
      rounds: { ...text, default: '5' },
      steps: { ...text, default: '32' },
      'most-columns': { ...text, default: '40000' },
      bandwidth: text,
      python: text,
      'no-drafters': { type: 'boolean', default: false },
      'drafter-seconds': { ...text, default: '60' },
      threads: { ...text, default: String(availableParallelism()) },
      seed: { ...text, default: '0' },
      json: text,
      markdown: text,
    },
  })
  const device = values.device as Device
  if (!DEVICES.includes(device)) throw new Error(`Give --device ${DEVICES.join(', ')}.`)
  const numbers = (name: 'contexts' | 'batches' | 'tokens') =>
    values[name].split(',').map((part) => positive(name, part))
  const shapes = values.models === undefined ? [] : values.shapes.split(',').map(shapeName)
  if (shapes.length + values.model.length === 0)
    throw new Error('Give --models DIR for random weights, or --model.')
  return {
    ...values,
    device,
    deviceId: values['device-id'] === undefined ? undefined : Number(values['device-id']),
    shapes,
    contexts: numbers('contexts'),
    batches: numbers('batches'),
    tokens: numbers('tokens'),
    rounds: positive('rounds', values.rounds),
    steps: positive('steps', values.steps),
    mostColumns: positive('most-columns', values['most-columns']),
    threads: positive('threads', values.threads),
    drafterSeconds: positive('drafter-seconds', values['drafter-seconds']),
    seed: Number(values.seed),
    bandwidth: values.bandwidth === undefined ? undefined : 1e9 * positive('bandwidth', values.bandwidth),
  }
}

function shapeName(name: string): ShapeName {
  if (SHAPE_NAMES.includes(name as ShapeName)) return name as ShapeName
  throw new Error(`There is no shape ${name}: give some of ${SHAPE_NAMES.join(', ')}.`)
}

type Options = ReturnType<typeof options>

async function* subjects({ models, shapes, model, seed, ...options }: Options): AsyncGenerator<Subject> {
  for (const name of shapes) {
    const directory = await shapeDirectory(models!, name, seed)
    yield { name: `${name} (random weights)`, directory, hasDrafters: false }
  }
  for (const name of model) {
    yield {
      name,
      directory: name === BUILT_IN ? BUILT_IN_DIRECTORY : name,
      hasDrafters: !options['no-drafters'],
    }
  }
}

async function main(): Promise<void> {
  const chosen = options()
  const { device, deviceId, threads, dtype, seed, rounds, steps } = chosen
  const placement = { device, deviceId }
  const bandwidth = chosen.bandwidth ?? (await measureBandwidth(placement, threads))
  const head = header(
    'gpu.ts',
    await describeDevice(placement),
    `Memory: ${(bandwidth / 1e9).toFixed(1)} GB/s${chosen.bandwidth === undefined ? ', measured' : ', as given'}`,
    `Seed ${seed}, ${rounds} rounds of ${steps} steps, ${threads} threads`,
  )
  const runtime: RuntimeOptions = { ...placement, threads, dtype: dtype as RuntimeOptions['dtype'] }
  const settings: Settings = { ...chosen, bandwidth, runtime }
  const results: Results[] = []
  for await (const subject of subjects(chosen)) {
    console.error(subject.name)
    results.push(await measureModel(subject, settings))
    // What was measured stays where a later model fails.
    if (chosen.markdown) await writeFile(chosen.markdown, `${markdown(head, results)}\n`)
    if (chosen.json)
      await writeFile(chosen.json, `${JSON.stringify({ header: head, bandwidth, results }, undefined, 1)}\n`)
  }
  console.log(markdown(head, results))
}

await main()
