import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { modelFingerprint } from '../../src/language-model/fingerprint.js'
import { FAMILIES, specFromConfig } from '../../src/models/families/index.js'
import { configFromGguf, ggufTensors } from '../../src/models/gguf/model.js'
import { parametersOf } from '../../src/models/parameters.js'
import { specIdentity } from '../../src/models/spec.js'
import { openGguf } from '../../src/weights/gguf.js'
import { fixturePath } from '../fixtures.js'
import { GOLDEN, goldenJson } from '../weights/files.js'

type Config = Readonly<Record<string, unknown>>

/** What the code made of the fixtures before each family was a file: files on disk are named by it. */
const golden: {
  identities: Readonly<Record<string, Config>>
  fingerprints: Readonly<Record<string, string>>
} = JSON.parse(readFileSync(join(import.meta.dirname, '../golden/families/specs.json'), 'utf8'))

const isGguf = (name: string) => name.endsWith('.gguf')
const pathOf = (name: string) => (isGguf(name) ? join(GOLDEN, name) : fixturePath(name))

async function configOf(name: string): Promise<Config> {
  if (!isGguf(name)) return JSON.parse(readFileSync(join(pathOf(name), 'config.json'), 'utf8'))
  const store = await openGguf(pathOf(name), ggufTensors)
  const config = await configFromGguf(store)
  await store.close()
  return config
}

describe('what caches and records are keyed by stays as it was, to the byte', () => {
  test.each(Object.keys(golden.identities))('the identity of %s', async (name) => {
    const spec = specFromConfig(await configOf(name), name)
    expect(JSON.stringify(specIdentity(spec))).toBe(JSON.stringify(golden.identities[name]))
  })

  test.each(Object.keys(golden.fingerprints))('the fingerprint of %s', async (name) => {
    expect(await modelFingerprint(pathOf(name))).toBe(golden.fingerprints[name])
  })
})

test('an identity tells families, and what differs within one, apart', async () => {
  const specs = await Promise.all(
    Object.keys(golden.identities).map(async (name) => specFromConfig(await configOf(name), name)),
  )
  const [llama] = specs
  const others = [
    { ...llama, norms: 'both' as const },
    { ...llama, norms: 'post' as const },
    { ...llama, normOffset: 1 as const },
    { ...llama, residual: 'float32' as const },
    { ...llama, tiedHead: !llama.tiedHead },
    { ...llama, attentionSoftcap: 5 },
    { ...llama, logitDivisor: 5 },
    { ...llama, ropeFactor: { full: 2, sliding: 1 } },
    { ...llama, layers: llama.layers.map(() => 'full_nope' as const) },
    { ...llama, slidingWindow: 4 },
  ]
  const identities = [...specs, ...others].map((spec) => JSON.stringify(specIdentity(spec)))
  // The two spellings of config.json are of one model each.
  expect(new Set(identities).size).toBe(identities.length - 2)
})

test('the page of models has all of them in its table', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/models.md'), 'utf8')
  for (const { type, gguf } of FAMILIES) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${type}\``))
    expect(row, type).toContain(gguf ? `\`${gguf.architecture}\`` : '`')
  }
})

describe.each(FAMILIES)('$name', ({ type, gguf, spec: _, ...family }) => {
  const models = goldenJson<Record<string, { config: Config }>>('models.json')

  test('is told by its model_type and its class alone', () => {
    const same = FAMILIES.filter((other) => other.type === type || other.architecture === family.architecture)
    expect(same).toHaveLength(1)
  })

  // The others' files are compared with the fixtures that they are of (test/runtime/families.test.ts, test/language-model/gguf-models.test.ts).
  test.runIf(gguf && gguf.architecture in models)(
    'has the same specification from config.json and from GGUF',
    async () => {
      const name = gguf!.architecture
      const config = await configOf(`${name}.gguf`)
      // What HF's configuration class cannot hold, or the golden file leaves out.
      const { rope_freq_factors, attention_bias } = config
      const own = { ...models[name].config, rope_freq_factors, attention_bias }
      expect(specFromConfig(own, name)).toEqual(specFromConfig(config, `${name}.gguf`))
    },
  )

  test.runIf(gguf && !family.layout && !gguf.layout)(
    'has a name in GGUF for each parameter, and for no other',
    async () => {
      const name = gguf!.architecture
      const spec = specFromConfig(await configOf(name in models ? `${name}.gguf` : type), name)
      const nameOf = ggufTensors(new Map([['general.architecture', name]]))
      const modules = Object.keys(gguf!.modules).map((module) => nameOf(`blk.0.${module}.weight`)!.name)
      const wanted = parametersOf(spec)
        .map((parameter) => parameter.name)
        .filter((parameter) => /^model\.layers\.0\..*\.weight$/.test(parameter))
      expect(modules.sort()).toEqual(wanted.sort())
    },
  )
})
