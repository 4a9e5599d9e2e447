/**
 * Bundles the sources into `dist`: Node takes longer to find and load some hundred small modules than to run them. Each command
 * is a file of its own, which oclif imports when it is called, and so is the library; what they share is in chunks, so that
 * a user's strategy has the classes of the command that runs it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const { metafile } = await build({
  entryPoints: ['src/index.ts', 'src/cli/run.ts', 'src/commands/**/*.ts'],
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // What is native, what few commands load and only when they need it, and what oclif looks for where it is developed.
  external: [
    'onnxruntime-node',
    '@huggingface/hub',
    '@huggingface/transformers',
    'yoga-layout',
    'react-devtools-core',
    'typescript',
  ],
  // CommonJS packages require modules of Node.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'\nconst require = requireFrom(import.meta.url)",
  },
  // Without the sources: a stack trace needs their lines alone.
  sourcemap: true,
  sourcesContent: false,
  metafile: true,
})

// Licences ask to be passed on with what is bundled.
const packages = new Set(
  Object.keys(metafile.inputs).flatMap((path) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
)
const notices = [...packages].sort().map((directory) => {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice)/i.test(file))
  if (files.length === 0) throw new Error(`${directory} has no file of its licence, ${license}.`)
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8').trim())
  return [`${name} ${version} (${license})`, ...texts].join('\n\n')
})
writeFileSync('dist/THIRD-PARTY-LICENSES.txt', `${notices.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`)
