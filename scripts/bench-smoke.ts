/**
 * Runs every script of `bench`, as small as it goes, on the model that comes with the package: what it measures counts for nothing, but it
 * has to run, and to tell machine, versions, seed and command. Peers that are not installed are left out by the scripts, with a word.
 *
 *     npm run bench:smoke [SCRIPT…]
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUILT_IN_DIRECTORY } from '../src/language-model/built-in.js'
import { openModel } from '../src/language-model/load.js'
import { writeModelFiles } from '../src/train/model-files.js'
import { readWeights } from '../src/train/pretrained.js'

const ROOT = join(import.meta.dirname, '..')
const work = mkdtempSync(join(tmpdir(), 'bench-'))
process.on('exit', () => rmSync(work, { recursive: true }))

/** The built-in model in float32, in the layout of bench/prepare.py without its peers. */
const model = join(work, 'models', 'hf')
async function prepare(): Promise<void> {
  mkdirSync(model, { recursive: true })
  const { spec, config, store } = await openModel(BUILT_IN_DIRECTORY)
  const weights = await readWeights(spec, store)
  await store.close()
  await writeModelFiles(model, { spec, config, weights, tokenizer: BUILT_IN_DIRECTORY, dtype: 'F32' })
  writeFileSync(join(work, 'questions.jsonl'), `${JSON.stringify({ turns: ['What is a bird?'] })}\n`)
  const schema = { type: 'object', properties: { bird: { enum: ['red', 'blue'] } } }
  const tests = ['red', 'green'].map((bird) => ({ data: { bird }, valid: bird === 'red' }))
  writeFileSync(join(work, 'schemas.jsonl'), `${JSON.stringify({ id: 'bird', schema, tests })}\n`)
  const sentences = Array.from({ length: 16 }, (_, i) => `Tom and Lily saw ${i} red birds today.`)
  writeFileSync(join(work, 'books.txt'), `${sentences.join(' ')}\n`)
}

/** The arguments of each script; DIR is this program's own directory. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  'batch.ts': '--model DIR/models/hf --batches 2 --rows 2 --prefix 16 --prefix-rows 2 --rounds 1',
  'beams.ts': '--model DIR/models/hf --beams 2 --prompts 16 --tokens 4 --rounds 1',
  'constrained.ts': '--schemas 1 --prompts 1 --tokens 64 --limits 1 --repeats 1',
  'decode.ts': '--models DIR/models --contexts 16 --prefill 16 --steps 2 --rounds 1 --warm-up 1',
  'experts.ts': '--experts 4 --per-token 2 --hidden 64 --width 64 --tokens 2 --rounds 1',
  'formats.ts': '--data DIR/schemas.jsonl --values 1',
  'gpu.ts':
    '--device cpu --model built-in --models DIR --shapes tiny --contexts 16 --batches 1,2 --tokens 1,2 --rounds 1 --steps 2 ' +
    '--bandwidth 10 --drafter-seconds 1',
  'speculative.ts': '--mt-bench DIR/questions.jsonl --books DIR/books.txt --prompts 1 --tokens 8',
  'structured.ts': '--data DIR/schemas.jsonl --every 1 --limit-ms 60000 --list',
  'train.ts': '--tiny --rounds 1 --steps 1',
  'versions.ts': '--before . --rounds 1 --tokens 4 --workloads greedy,batch',
  'weight-update.ts': '--tiny --rounds 1 --steps 1 --tokens 2',
}

/** What every script tells. */
const TOLD = [
  /^Machine: .*cores/m,
  /Node v\d+.*onnxruntime-node 1/,
  /\bseed\b/i,
  /^Command: npx tsx bench\//m,
]

/** What is wrong with a run of a script, or undefined. */
function fault(script: string): string | undefined {
  const options = ARGUMENTS[script]?.split(' ').map((option) => option.replace('DIR', work))
  if (!options) return 'has no arguments in scripts/bench-smoke.ts'
  const args = ['--import', 'tsx', join('bench', script), ...options]
  const env = { ...process.env, XDG_CACHE_HOME: join(work, 'cache') }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, env, encoding: 'utf8' })
  for (const line of stdout.split('\n').filter((line) => line.startsWith('Left out')))
    console.log(`  ${line}`)
  if (status !== 0) return `ended with exit code ${status}:\n${stderr}`
  const missing = TOLD.find((pattern) => !pattern.test(stdout))
  return missing && `does not tell ${missing}:\n${stdout}`
}

await prepare()
const isScript = (name: string) =>
  name.endsWith('.ts') && readFileSync(join(ROOT, 'bench', name), 'utf8').includes(`npx tsx bench/${name}`)
const [, , ...named] = process.argv
for (const script of named.length > 0 ? named : readdirSync(join(ROOT, 'bench')).filter(isScript)) {
  const start = performance.now()
  const wrong = fault(script)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`bench/${script} ${wrong ?? `runs (${seconds} s)`}`)
  if (wrong !== undefined) process.exitCode = 1
}
