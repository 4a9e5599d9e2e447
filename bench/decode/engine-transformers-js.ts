import { basename, dirname, join, resolve } from 'node:path'
import { AutoModelForCausalLM, BaseStreamer, env, Tensor } from '@huggingface/transformers'
import { type Engine, type Setup, Stopwatch } from './engine.js'

export async function load({ models, threads }: Setup): Promise<Engine> {
  const directory = resolve(join(models, 'transformers-js'))
  env.allowRemoteModels = false
  env.localModelPath = dirname(directory)
  const model = await AutoModelForCausalLM.from_pretrained(basename(directory), {
    dtype: 'fp32',
    device: 'cpu',
    session_options: { intraOpNumThreads: threads },
  })
  return {
    async generate(prompt, count) {
      const streamer = new TimingStreamer()
      const dims = [1, prompt.length]
      // The declared types know no streamer but TextStreamer and no null.
      await model.generate({
        inputs: new Tensor('int64', BigInt64Array.from(prompt, BigInt), dims),
        attention_mask: new Tensor('int64', new BigInt64Array(prompt.length).fill(1n), dims),
        max_new_tokens: count,
        do_sample: false,
        eos_token_id: null,
        streamer,
      } as unknown as Parameters<typeof model.generate>[0])
      // The first to come is the prompt.
      return streamer.watch.times.slice(1)
    },
  }
}

class TimingStreamer extends BaseStreamer {
  readonly watch = new Stopwatch()

  override put(): void {
    this.watch.lap()
  }

  override end(): void {}
}
