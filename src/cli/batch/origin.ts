import { createHash } from 'node:crypto'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Identity, Origin } from '../../batch/origin.js'
import { type ConfigLayer, resolveGenerationConfig } from '../../config/index.js'
import { isStrategyName } from '../../drafting/table.js'
import { modelFingerprint } from '../../language-model/fingerprint.js'
import { modelName } from '../flags/model.js'
import type { ChatFlags } from '../io/chat-prompt.js'
import type { ValidationFlags } from '../io/validator.js'
import type { BatchModelFlags, BatchModels } from './models.js'

/** The flags by which texts differ. */
export type OriginFlags = BatchModelFlags &
  ChatFlags &
  ValidationFlags & {
    readonly 'negative-prompt'?: string
    readonly logprobs?: number
    readonly scorer?: string
  }

interface Run {
  readonly flags: OriginFlags
  readonly layers: readonly ConfigLayer[]
  /** The template's text, where one is given. */
  readonly chatTemplate: string | undefined
  readonly seed: number
  /** Of llm. */
  readonly version: string
}

/** Origin of a run: what its texts follow from. */
export async function originOf(
  { model, engine }: Pick<BatchModels, 'model' | 'engine'>,
  { flags, layers, chatTemplate, seed, version }: Run,
): Promise<Origin> {
  const { config } = resolveGenerationConfig(model.generationConfig, ...layers)
  const { seed: _seed, ...settings } = config
  const template = flags.raw ? undefined : (chatTemplate ?? model.tokenizer.chatTemplate)
  const fileOf = (path: string | undefined) => (path === undefined ? undefined : contentIdentity(path))
  const assistant = engine.assistant?.path
  const amateur = engine.generateOptions?.amateur?.path
  const drafter = isStrategyName(flags.strategy ?? '') ? flags.strategy : undefined
  return {
    llm: version,
    model: { name: modelName(flags), fingerprint: await modelFingerprint(model) },
    dtype: model.dtype,
    device: model.device,
    seed,
    settings,
    chat_template: template === undefined ? null : sha256(template),
    system: flags.system,
    negative_prompt: flags['negative-prompt'],
    logprobs: flags.logprobs,
    scorer: flags.scorer,
    retries: flags.retries || undefined,
    validate: flags.validate,
    drafter,
    strategy: drafter === undefined ? await fileOf(flags.strategy) : undefined,
    assistant_model:
      assistant === undefined
        ? undefined
        : { name: flags['assistant-model']!, fingerprint: await modelFingerprint(assistant, model.dtype) },
    amateur_model:
      amateur === undefined
        ? undefined
        : { name: flags['amateur-model']!, fingerprint: await modelFingerprint(amateur, model.dtype) },
    medusa_heads: await fileOf(flags['medusa-heads']),
    mtp_modules: await fileOf(flags['mtp-modules']),
    lookup: flags.lookup || undefined,
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Bytes that are hashed of each end of a file: of weights, training changes all. */
const MOST_HASHED = 2 ** 20

/** A file, or those of a directory, by names, sizes and what they begin and end with. */
async function contentIdentity(path: string): Promise<Identity> {
  const isDirectory = (await stat(path)).isDirectory()
  const names = isDirectory ? (await readdir(path)).sort() : ['']
  const hash = createHash('sha256')
  for (const name of names) {
    const file = join(path, name)
    if (!(await stat(file)).isFile()) continue
    const handle = await open(file)
    try {
      const { size } = await handle.stat()
      hash.update(JSON.stringify([name, size]))
      for (const position of [0, Math.max(0, size - MOST_HASHED)]) {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(MOST_HASHED), 0, MOST_HASHED, position)
        hash.update(buffer.subarray(0, bytesRead))
      }
    } finally {
      await handle.close()
    }
  }
  return { name: path, fingerprint: hash.digest('hex') }
}
