import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const SRC = join(import.meta.dirname, '../src')

/** What all files may import. */
const ground = [
  'errors.ts',
  'child-command.ts',
  'printable.ts',
  'files.ts',
  'json.ts',
  'lock.ts',
  'nearest.ts',
]

/** Folders of src, each with the ones that it may import beside itself and the ground. What may be imported stands below. */
const layers: Readonly<Record<string, readonly string[]>> = {
  // The library's surface.
  'index.ts': [
    ...['batch', 'chat', 'compare', 'evaluate', 'drafting', 'engine', 'generation', 'scores', 'strategies'],
    ...['language-model', 'train', 'config', 'tokenizer', 'tools', 'hub', 'model'],
  ],
  commands: [
    ...[
      'cli',
      'bench',
      'doctor',
      'evaluate',
      'extract',
      'drafting',
      'scores',
      'language-model',
      'train',
      'config',
    ],
    ...['heads', 'tokenizer', 'hub', 'report', 'ui'],
  ],
  cli: [
    ...[
      'batch',
      'chat',
      'compare',
      'evaluate',
      'extract',
      'drafting',
      'generation',
      'scores',
      'language-model',
      'train',
    ],
    ...['engine', 'runtime', 'config', 'tokenizer', 'tools', 'grammar', 'report', 'ui', 'cache-directory.ts'],
  ],
  bench: [
    ...[
      'drafting',
      'generation',
      'strategies',
      'language-model',
      'runtime',
      'models',
      'model',
      'report',
      'ui',
    ],
    ...['median.ts', 'random.ts'],
  ],
  doctor: ['generation', 'language-model', 'runtime', 'hub', 'ui', 'cache-directory.ts'],
  compare: [
    ...['batch', 'evaluate', 'drafting', 'generation', 'config', 'model', 'report'],
    ...['median.ts', 'random.ts'],
  ],
  chat: [
    ...['drafting', 'engine', 'generation', 'scores', 'strategies', 'language-model', 'config'],
    ...['tokenizer', 'tools'],
  ],
  batch: ['engine', 'generation', 'scores', 'language-model', 'config', 'tokenizer', 'model'],
  evaluate: ['strategies', 'train', 'tokenizer', 'model'],
  drafting: [
    ...['generation', 'strategies', 'language-model', 'train', 'config', 'runtime', 'heads', 'models'],
    ...['weights', 'tokenizer', 'model', 'median.ts', 'random.ts', 'cache-directory.ts'],
  ],
  extract: ['tokenizer', 'report'],
  engine: ['generation', 'config', 'model', 'random.ts'],
  generation: [
    ...[
      'scores',
      'selection',
      'strategies',
      'language-model',
      'config',
      'runtime',
      'models',
      'tokenizer',
      'tools',
      'grammar',
      'model',
    ],
    ...['random.ts', 'cache-directory.ts'],
  ],
  tools: ['config', 'grammar'],
  scores: ['strategies', 'config', 'models', 'grammar', 'model'],
  selection: ['tokenizer'],
  strategies: ['grammar', 'model', 'random.ts'],
  'language-model': [
    'exported',
    'config',
    'runtime',
    'models',
    'weights',
    'tokenizer',
    'hub',
    'model',
    'gguf-names.ts',
  ],
  exported: ['runtime', 'weights', 'model'],
  train: ['runtime', 'heads', 'models', 'onnx', 'weights', 'tokenizer', 'report', 'random.ts'],
  runtime: ['models', 'onnx', 'weights', 'model', 'cache-directory.ts'],
  heads: ['models', 'weights'],
  models: ['onnx'],
  config: [],
  tokenizer: ['jinja'],
  grammar: [],
  jinja: [],
  onnx: [],
  weights: ['gguf-names.ts'],
  hub: ['gguf-names.ts'],
  report: [],
  ui: [],
  // The contract.
  model: [],
  'cache-directory.ts': [],
  'gguf-names.ts': [],
  'median.ts': [],
  'random.ts': [],
  'lock.ts': ['lock-file.ts', 'lock-owner.ts'],
  'lock-file.ts': ['lock-owner.ts'],
  'lock-owner.ts': [],
  'nearest.ts': [],
  'json.ts': [],
  'files.ts': [],
  'printable.ts': [],
  'child-command.ts': [],
  'errors.ts': [],
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
  '@huggingface/transformers': ['exported'],
  zod: ['config', 'compare'],
  yaml: ['config'],
  ajv: ['engine'],
  'ajv-formats': ['engine'],
}

const IMPORT = /(?:^|\s)(?:import|export)\s+(?:type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\('([^']+)'\)/gm

/** The imports of a file that its layer may not have, each as a sentence. */
function violations(file: string, source: string): string[] {
  const layer = file.split('/')[0]
  return [...source.matchAll(IMPORT)].flatMap(([, from, dynamic]) => {
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
    return [layer, ...ground, ...layers[layer]].includes(other) ? [] : [`${file} imports ${target}`]
  })
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name))
const read = (file: string) => readFileSync(join(SRC, file), 'utf8')

/** The files of src that a file imports, types included. */
function importsOf(file: string, source: string, all: ReadonlySet<string>): string[] {
  return [...source.matchAll(IMPORT)].flatMap(([, from, dynamic]) => {
    const path = join(dirname(file), from ?? dynamic)
    const found = [path.replace(/\.js$/, '.ts'), path.replace(/\.js$/, '.tsx')].find((name) => all.has(name))
    return found ?? []
  })
}

/** Imports that are neither of types nor of what is loaded later. */
const LOAD = /^(?:import|export)\s+(?!type\s)[^'"]*?'[^']+'/gm

/** The files of src that a file loads with itself. */
function loadsOf(file: string, source: string, all: ReadonlySet<string>): string[] {
  return importsOf(file, (source.match(LOAD) ?? []).join('\n'), all)
}

/** All files that are loaded with some. */
function loadedWith(
  entries: readonly string[],
  loads: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> {
  const loaded = new Set(entries)
  for (const file of loaded) for (const next of loads.get(file) ?? []) loaded.add(next)
  return loaded
}

/** A path that leads from a file back to it; undefined where there is none. */
function circle(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return undefined
    for (const next of imports.get(file) ?? []) {
      const found = visit(next, [...path, file])
      if (found) return found
    }
    done.add(file)
    return undefined
  }
  for (const file of imports.keys()) {
    const found = visit(file, [])
    if (found) return found
  }
  return undefined
}

/** What a file declares and exports, by name, each with its declarations; what a command is to oclif has no name. */
function exportsOf(file: string, source: string): Map<string, string> {
  const parsed = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true)
  const found = new Map<string, string>()
  for (const node of parsed.statements) {
    const kinds = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []).map(({ kind }) => kind) : []
    if (!kinds.includes(ts.SyntaxKind.ExportKeyword) || kinds.includes(ts.SyntaxKind.DefaultKeyword)) continue
    const declared = ts.isVariableStatement(node) ? node.declarationList.declarations : [node]
    for (const each of declared) {
      const { name } = each as { readonly name?: ts.Node }
      if (name) found.set(name.getText(), `${found.get(name.getText()) ?? ''}${node.getText()}`)
    }
  }
  return found
}

/** Functions and methods of more than `most` lines, as `file: name (lines)`. */
function longFunctions(file: string, source: string, most: number): string[] {
  const parsed = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true)
  const line = (position: number) => parsed.getLineAndCharacterOfPosition(position).line
  const found: string[] = []
  const visit = (node: ts.Node) => {
    if (ts.isFunctionLike(node)) {
      const lines = line(node.getEnd()) - line(node.getStart()) + 1
      if (lines > most) found.push(`${file}: ${node.name?.getText() ?? 'a function'} (${lines})`)
    }
    ts.forEachChild(node, visit)
  }
  visit(parsed)
  return found
}

describe('src', () => {
  test('is made of the layers that have rules', () => {
    expect([...new Set(files.map((file) => file.split('/')[0]))].sort()).toEqual(Object.keys(layers).sort())
  })

  test('imports in one direction', () => {
    expect(files.flatMap((file) => violations(file, read(file)))).toEqual([])
  })

  test('says so in order: what a layer imports stands below it', () => {
    const names = Object.keys(layers)
    const above = names.flatMap((name, i) =>
      layers[name].filter((other) => names.indexOf(other) <= i).map((other) => `${name} imports ${other}`),
    )
    expect(above).toEqual([])
  })

  test('has no circles of imports, types included', () => {
    const all = new Set(files)
    expect(circle(new Map(files.map((file) => [file, importsOf(file, read(file), all)])))).toBeUndefined()
  })

  test('loads grammars where a language is named, and not with a command or the library', () => {
    const all = new Set(files)
    const loads = new Map(files.map((file) => [file, loadsOf(file, read(file), all)]))
    const commands = files.filter((file) => /^commands\/(?!schema\/)/.test(file))
    const loaded = loadedWith(['index.ts', 'cli/run.ts', ...commands], loads)
    expect([...loaded].filter((file) => file.startsWith('grammar/'))).toEqual([])
    expect([...loadedWith(['generation/constraint.ts'], loads)]).toContain('grammar/schema/index.ts')
  })

  test('gives an exported name one meaning', () => {
    const meanings = new Map<string, Map<string, string>>()
    for (const file of files) {
      for (const [name, text] of exportsOf(file, read(file))) {
        meanings.set(name, (meanings.get(name) ?? new Map()).set(text, file))
      }
    }
    const doubled = [...meanings].filter(([, texts]) => texts.size > 1)
    expect(doubled.map(([name, texts]) => `${name}: ${[...texts.values()].join(', ')}`)).toEqual([])
  })

  test('has no function of 60 lines', () => {
    expect(files.flatMap((file) => longFunctions(file, read(file), 59))).toEqual([])
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
    ['runtime/load.ts', "import { argmax } from '../strategies/choose.js'"],
    ['runtime/load.ts', "import type { Strategy } from '../strategies/strategy.js'"],
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
    ['runtime/load.ts', "import type { Model } from '../model/model.js'"],
    [
      'commands/models/show.ts',
      "import { usageError } from '../../errors.js'\nimport { join } from 'node:path'",
    ],
    ['ui/view.tsx', "import { Box } from 'ink'"],
  ])('find nothing wrong with %s: %s', (file, source) => {
    expect(violations(file, source)).toEqual([])
  })
})

describe('what looks for circles and long functions', () => {
  test('finds a circle of types', () => {
    const sources = { 'a.ts': "import type { B } from './b.js'", 'b.ts': "export { A } from './a.js'" }
    const all = new Set(Object.keys(sources))
    const imports = Object.entries(sources).map(
      ([file, source]) => [file, importsOf(file, source, all)] as const,
    )
    expect(circle(new Map(imports))).toEqual(['a.ts', 'b.ts', 'a.ts'])
  })

  test('tells what a file loads from types, and from what is imported later', () => {
    const source = [
      "import { a, type A } from './a.js'",
      "export * from './b.js'",
      "import type { C } from './c.js'",
      "export type { D } from './d.js'",
      "const { e } = await import('./e.js')",
    ].join('\n')
    const all = new Set(['a.ts', 'b.ts', 'c.ts', 'd.ts', 'e.ts'])
    expect(loadsOf('f.ts', source, all)).toEqual(['a.ts', 'b.ts'])
  })

  test('reads exported names, and what they mean', () => {
    const source = 'export type A = 1\ninterface B {}\nexport const c = 2\nexport default class D {}'
    expect([...exportsOf('a.ts', source)]).toEqual([
      ['A', 'export type A = 1'],
      ['c', 'export const c = 2'],
    ])
  })

  test('finds a method of three lines', () => {
    expect(longFunctions('a.ts', 'class A {\n  b() {\n    return 1\n  }\n}', 2)).toEqual(['a.ts: b (3)'])
  })
})
