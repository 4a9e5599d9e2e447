import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

const SRC = join(import.meta.dirname, '../src')

/** What all files may import. */
const ground = ['errors.ts', 'printable.ts', 'files.ts', 'json.ts', 'lock.ts']

/** What the files of each folder of src may import, beside their own folder and the ground. */
const layers: Readonly<Record<string, readonly string[]>> = {
  commands: [
    'cli',
    'batch',
    'bench',
    'doctor',
    'chat',
    'compare',
    'heads',
    'hub',
    'ui',
    'generation',
    'tokenizer',
    'train',
    'report',
  ],
  bench: ['generation', 'strategies', 'runtime', 'models', 'report', 'ui', 'median.ts', 'random.ts'],
  doctor: ['generation', 'runtime', 'hub', 'ui', 'cache-directory.ts'],
  cli: [
    'ui',
    'batch',
    'chat',
    'compare',
    'generation',
    'strategies',
    'tokenizer',
    'train',
    'report',
    'cache-directory.ts',
  ],
  batch: ['generation', 'strategies', 'tokenizer'],
  chat: ['generation', 'strategies', 'tokenizer'],
  compare: ['batch', 'generation', 'strategies', 'runtime', 'report', 'median.ts', 'random.ts'],
  generation: [
    'heads',
    'strategies',
    'runtime',
    'models',
    'weights',
    'hub',
    'tokenizer',
    'median.ts',
    'random.ts',
    'cache-directory.ts',
  ],
  train: ['heads', 'runtime', 'models', 'weights', 'onnx', 'tokenizer', 'report', 'random.ts'],
  runtime: ['models', 'weights', 'onnx', 'strategies (types)', 'cache-directory.ts'],
  heads: ['models', 'weights'],
  models: ['onnx'],
  strategies: ['random.ts'],
  onnx: [],
  weights: [],
  tokenizer: ['jinja'],
  jinja: [],
  report: [],
  ui: [],
  hub: [],
  // The library's surface.
  'index.ts': ['batch', 'chat', 'compare', 'generation', 'hub', 'strategies', 'tokenizer', 'train'],
  'cache-directory.ts': [],
  'errors.ts': [],
  'files.ts': [],
  'json.ts': [],
  'printable.ts': [],
  'lock.ts': ['lock-file.ts', 'lock-owner.ts'],
  'lock-file.ts': ['lock-owner.ts'],
  'lock-owner.ts': [],
  'median.ts': [],
  'random.ts': [],
}

/** Which folders may import a package. */
const packages: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': ['runtime'],
  ink: ['ui'],
  react: ['ui'],
  'cli-progress': ['ui'],
  '@oclif/core': ['cli', 'commands'],
  '@huggingface/hub': ['hub'],
  '@huggingface/tokenizers': ['tokenizer'],
  zod: ['generation', 'compare'],
  yaml: ['compare'],
}

const IMPORT = /(?:^|\s)(import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\('([^']+)'\)/gm

/** The imports of a file that its layer may not have, each as a sentence. */
function violations(file: string, source: string): string[] {
  const layer = file.split('/')[0]
  return [...source.matchAll(IMPORT)].flatMap(([, , type, from, dynamic]) => {
    const target = from ?? dynamic
    if (target.startsWith('node:') && builtinModules.includes(target.slice(5))) return []
    if (!target.startsWith('.')) {
      const name = target
        .split('/')
        .slice(0, target.startsWith('@') ? 2 : 1)
        .join('/')
      return packages[name]?.includes(layer) ? [] : [`${file} imports ${target}`]
    }
    const other = relative(SRC, join(SRC, dirname(file), target))
      .split('/')[0]
      .replace(/\.js$/, '.ts')
    const allowed = [layer, ...ground, ...layers[layer]]
    const isAllowed = allowed.includes(other) || (type !== undefined && allowed.includes(`${other} (types)`))
    return isAllowed ? [] : [`${file} imports ${target}`]
  })
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name))
const read = (file: string) => readFileSync(join(SRC, file), 'utf8')

describe('src', () => {
  test('is made of the layers that have rules', () => {
    expect([...new Set(files.map((file) => file.split('/')[0]))].sort()).toEqual(Object.keys(layers).sort())
  })

  test('imports in one direction', () => {
    expect(files.flatMap((file) => violations(file, read(file)))).toEqual([])
  })

  test('has no file over 300 lines', () => {
    const long = files.filter((file) => read(file).trimEnd().split('\n').length > 300)
    expect(long).toEqual([])
  })
})

describe('the rules', () => {
  test.each([
    ['strategies/beam.ts', "import * as ort from 'onnxruntime-node'"],
    ['strategies/beam.ts', "import type { Tokenizer } from '../tokenizer/tokenizer.js'"],
    ['runtime/load.ts', "import { prefixOf } from '../strategies/prefix.js'"],
    ['cli/view.ts', "import { pullModel } from '../hub/index.js'"],
    ['cli/view.ts', "const { render } = await import('ink')"],
    ['weights/open.ts', "export { hubSettings } from '../hub/settings.js'"],
    ['weights/open.ts', "import {\n  a,\n  b,\n} from '../models/spec.js'"],
    ['generation/generate.ts', "import '@huggingface/hub'"],
    ['commands/models/show.ts', "import { createSession } from '../../runtime/session.js'"],
    ['models/spec.ts', "import lodash from 'lodash'"],
  ])('find what is wrong with %s: %s', (file, source) => {
    expect(violations(file, source)).toHaveLength(1)
  })

  test.each([
    ['runtime/load.ts', "import type { Model } from '../strategies/types.js'"],
    [
      'commands/models/show.ts',
      "import { usageError } from '../../errors.js'\nimport { join } from 'node:path'",
    ],
    ['ui/view.tsx', "import { Box } from 'ink'"],
  ])('find nothing wrong with %s: %s', (file, source) => {
    expect(violations(file, source)).toEqual([])
  })
})
