import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { HubServer } from './server.js'

export const REPO = 'acme/tiny-model'

/** Deterministic bytes, so that a misplaced range shows. */
export function bytes(length: number, seed = 1): Buffer {
  const data = Buffer.alloc(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (state * 1103515245 + 12345) % 2147483648
    data[i] = state >> 16
  }
  return data
}

export const WEIGHTS = bytes(300_000)
export const FILES = {
  'README.md': '# tiny',
  'adapter_config.json': '{}',
  'added_tokens.json': '{}',
  'config.json': '{"model_type":"llama"}',
  'generation_config.json': '{}',
  'model.safetensors': WEIGHTS,
  'onnx/model.onnx': bytes(2000, 2),
  'pytorch_model.bin': bytes(2000, 3),
  'tokenizer.json': '{"version":"1.0"}',
  'tokenizer_config.json': '{}',
}
export const NEEDED = [
  'adapter_config.json',
  'added_tokens.json',
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
]

/** A fresh hub and a fresh, empty cache for every test of a file. */
export interface HubFixture {
  server: HubServer
  /** The user's home of the test. */
  home: string
  cacheDir: string
  env: NodeJS.ProcessEnv
}

export function hubFixture(): HubFixture {
  const fixture = {} as HubFixture
  beforeEach(async () => {
    fixture.server = await HubServer.start(REPO)
    fixture.home = mkdtempSync(join(tmpdir(), 'hub-test-'))
    fixture.cacheDir = join(fixture.home, 'hub')
    fixture.env = { HOME: fixture.home, HF_HOME: fixture.home, HF_ENDPOINT: fixture.server.endpoint }
  })
  afterEach(async () => {
    await fixture.server.stop()
    rmSync(fixture.home, { recursive: true })
  })
  return fixture
}
