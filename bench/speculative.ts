/**
 * Drafters against plain greedy decoding, on the same model and prompts.
 *
 *     npx tsx bench/speculative.ts --mt-bench FILE --books FILE [--model MODEL] [--dtype fp32,int8,int4] [--draft DIR]
 *         [--stories FILE] [--medusa DIR] [--mtp DIR] [--fixed] [--prompts N] [--tokens N] [--repeats N] [--llama-cpp DIR]
 *         [--llama-cpp-model GGUF] [--llama-cpp-draft GGUF] [--json OUT]
 *
 * FILE of --mt-bench has MT-bench's questions as JSON Lines, FILE of --books a paragraph a line, FILE of --stories a `prompt` a line, which
 * the model is to go on from. By default the built-in model with its drafters. For each prompt plain decoding and each drafter generate
 * once, every other prompt backwards, so that no side always follows the same one; the ratio of a prompt is of that prompt's runs. With
 * --repeats all of that happens so often, every other time backwards, and of each side the fastest run counts, since what disturbs a run
 * makes it slower only: on a shared machine a loss of some per cent shows in no other way. A drafter decides by itself how much it drafts,
 * as in `llm generate`, and heads draft alone and beside prompt lookup; with --fixed Medusa also drafts trees of 63 nodes, as many as
 * Cai et al.'s have, and MTP 2 tokens, whether they pay or not: what they guess, apart from what it costs here. Where the text is not plain decoding's, the first differing token and the gap
 * between the two best scores there are told. `at best` is what the measured costs of passes allow with the same drafts (`report.ts`). DIR
 * of --llama-cpp has the package node-llama-cpp: its plain decoding, its prompt lookup and, with the weights of --llama-cpp-draft, its
 * drafts of a smaller model take turns with the others on the same prompts, with the weights of --llama-cpp-model or those of MODEL.
 */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadDraft } from '../src/drafting/draft-model.js'
import type { LoadedDrafter } from '../src/drafting/drafter.js'
import { loadMedusa, loadMtp } from '../src/drafting/heads.js'
import { loadLookup } from '../src/drafting/lookup.js'
import { loadRecycling } from '../src/drafting/recycling.js'
import { measureStepCosts, randomDrafts } from '../src/drafting/step-costs.js'
import { generate } from '../src/generation/generate.js'
import type { GenerateOptions, GenerationResult } from '../src/generation/options.js'
import { encodePrompt, type Prompt } from '../src/generation/prompt.js'
import { BUILT_IN, BUILT_IN_DIRECTORY } from '../src/language-model/built-in.js'
import { type LanguageModel, loadModel } from '../src/language-model/load.js'
import type { RunType } from '../src/runtime/storage.js'
import { header, positive } from './common.js'
import { LlamaCpp } from './speculative/llama-cpp.js'
import { type PromptSet, promptSets } from './speculative/prompts.js'
import { markdown, type Side, speedOf } from './speculative/report.js'

const PLAIN = 'plain'
const SEED = 0
/** Drafts of --fixed. */
const FIXED = { medusa: 63, mtp: 2 }
/** Tokens of the largest pass whose cost is told. */
const MOST_COSTED = 16

function options() {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      model: { ...text, default: BUILT_IN },
      dtype: { ...text, default: 'fp32' },
      draft: text,
      medusa: text,
      mtp: text,
      'llama-cpp': text,
      'llama-cpp-model': text,
      'llama-cpp-draft': text,
      'mt-bench': text,
      books: text,
      stories: text,
      fixed: { type: 'boolean', default: false },
      prompts: { ...text, default: '20' },
      tokens: { ...text, default: '128' },
      repeats: { ...text, default: '1' },
      threads: { ...text, default: String(availableParallelism()) },
      json: text,
    },
  })
  const { 'mt-bench': mtBench, books, stories, fixed, model, json } = values
  if (!mtBench || !books) throw new Error('Give the prompts: --mt-bench FILE and --books FILE.')
  const part = (name: 'draft' | 'medusa' | 'mtp') => {
    const own = join(BUILT_IN_DIRECTORY, name)
    return values[name] ?? (model === BUILT_IN && existsSync(own) ? own : undefined)
  }
  return {
    model,
    texts: { mtBench, books, stories },
    fixed,
    json,
    llamaCpp: values['llama-cpp'],
    llamaCppModel: values['llama-cpp-model'] ?? model,
    llamaCppDraft: values['llama-cpp-draft'],
    dtypes: values.dtype.split(',') as RunType[],
    parts: { draft: part('draft'), medusa: part('medusa'), mtp: part('mtp') },
    prompts: positive('prompts', values.prompts),
    tokens: positive('tokens', values.tokens),
    repeats: positive('repeats', values.repeats),
    threads: positive('threads', values.threads),
  }
}

type Options = ReturnType<typeof options>

async function drafters(
  model: LanguageModel,
  { parts, fixed, threads }: Options,
): Promise<Map<string, LoadedDrafter>> {
  const found = new Map<string, LoadedDrafter>([
    ['lookup', await loadLookup(model, { threads })],
    ['recycling', await loadRecycling(model, { threads })],
    ['recycling and lookup', await loadRecycling(model, { threads, lookup: true })],
  ])
  if (parts.draft) found.set('draft model', await loadDraft(parts.draft, model, { threads }))
  for (const [name, directory, load] of [
    ['medusa', parts.medusa, loadMedusa],
    ['mtp', parts.mtp, loadMtp],
  ] as const) {
    if (!directory) continue
    found.set(name, await load(directory, model, { threads }))
    found.set(`${name} and lookup`, await load(directory, model, { threads, lookup: true }))
  }
  if (fixed && parts.medusa) {
    const drafter = await loadMedusa(parts.medusa, model, { tree: FIXED.medusa, threads })
    found.set(`medusa, ${FIXED.medusa} nodes`, drafter)
  }
  if (fixed && parts.mtp) {
    found.set(`mtp, ${FIXED.mtp} tokens`, await loadMtp(parts.mtp, model, { depth: FIXED.mtp, threads }))
  }
  return found
}

async function measure(
  model: LanguageModel,
  { name, prompts }: PromptSet,
  sides: ReadonlyMap<string, Pick<GenerateOptions, 'createDrafter' | 'createControl'>>,
  { tokens, repeats }: Pick<Options, 'tokens' | 'repeats'>,
  peer: LlamaCpp | undefined,
): Promise<Side[]> {
  const measured = [...sides].map(([side, draft]): Side & { draft: typeof draft } => {
    return { set: name, name: side, runs: [], draft }
  })
  const isChat = model.tokenizer.chatTemplate !== undefined
  for (const [i, text] of prompts.entries()) {
    const prompt = isChat ? [{ role: 'user', content: text }] : text
    // EOS is no end, so that all runs of a prompt have as many tokens.
    const settings = { max_new_tokens: tokens, min_new_tokens: tokens, do_sample: false, seed: SEED }
    const results = new Map<Side, GenerationResult>()
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const side of (i + repeat) % 2 === 0 ? measured : measured.toReversed()) {
        const result = await generate(model, prompt, settings, side.draft).result()
        const fastest = results.get(side)
        if (!fastest || speedOf(result) > speedOf(fastest)) results.set(side, result)
      }
    }
    await peer?.measure(name, promptIds(model, prompt), { tokens, repeats })
    const { ids } = results.get(measured[0])!
    const isSame = (result: GenerationResult) => result.ids.join() === ids.join()
    // Not while it is timed: scores of all tokens take time.
    const plain = [...results.values()].every(isSame)
      ? undefined
      : await generate(model, prompt, settings, { logprobs: 2 }).result()
    for (const side of measured) {
      const result = results.get(side)!
      side.runs.push({ statistics: result.statistics, difference: plain && difference(plain, result.ids) })
    }
    console.error(`${name}: prompt ${i + 1} of ${prompts.length}`)
  }
  return measured.map(({ draft, ...side }) => side)
}

function promptIds({ tokenizer, model }: LanguageModel, prompt: Prompt): number[] {
  return encodePrompt(prompt, { tokenizer, maxPositions: model.maxPositions })
}

/** Where two texts part, and by how much plain decoding preferred its token to the next one there, nats. */
function difference({ ids, logprobs }: GenerationResult, other: readonly number[]) {
  const at = ids.findIndex((id, i) => id !== other[i])
  if (at < 0) return undefined
  const [best, second] = logprobs![at].top
  return { at, gap: best.logprob - second.logprob }
}

async function main(): Promise<void> {
  const settings = options()
  const head = header('speculative.ts', `Seed ${SEED}, ${settings.threads} threads`)
  console.log(`${head.join('  \n')}\n`)
  const reports: { dtype: RunType; sides: Side[] }[] = []
  for (const dtype of settings.dtypes) {
    const model = await loadModel(settings.model, { dtype, device: 'cpu', threads: settings.threads })
    const found = await drafters(model, settings)
    const isChat = model.tokenizer.chatTemplate !== undefined
    const sets = await promptSets(settings.texts, settings.prompts, isChat)
    const all = new Map([[PLAIN, {}], ...[...found].map(([name, { options }]) => [name, options] as const)])
    await generate(model, sets[0].prompts[0], { max_new_tokens: 8 }).result()
    const { llamaCpp, llamaCppModel, llamaCppDraft, threads } = settings
    const peer = llamaCpp ? await LlamaCpp.start(llamaCpp, llamaCppModel, llamaCppDraft, threads) : undefined
    const sides: Side[] = []
    for (const set of sets) sides.push(...(await measure(model, set, all, settings, peer)))
    const { pass } = await measureStepCosts(model, randomDrafts(model.model, MOST_COSTED))
    const costs = [1, 2, 4, 8, MOST_COSTED].map((tokens) => (pass(tokens) / pass(1)).toFixed(2))
    console.log(`${settings.model}, ${dtype}:\n\n${markdown(sides, pass)}\n`)
    console.log(
      `Passes of 1, 2, 4, 8 and ${MOST_COSTED} tokens take ${costs.join(', ')} times that of one.\n`,
    )
    if (peer) console.log(`${llamaCppModel}, ${peer.markdown()}\n`)
    await peer?.dispose()
    reports.push({ dtype, sides })
    for (const drafter of found.values()) await drafter.dispose()
    await model.dispose()
  }
  if (settings.json) await writeFile(settings.json, JSON.stringify({ settings, reports }, null, 2))
}

await main()
