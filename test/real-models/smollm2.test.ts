import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { generate } from '../../src/generation/generate.js'
import { type LanguageModel, loadModel } from '../../src/language-model/load.js'
import type { Message } from '../../src/tokenizer/message.js'
import { temporaryDirectory } from '../weights/files.js'

vi.stubEnv('XDG_CACHE_HOME', temporaryDirectory())

const MODEL = process.env.LLM_TEST_SMOLLM2
const QUESTIONS = join(import.meta.dirname, '../../../shared/data/prompts/mt_bench.jsonl')

interface Golden {
  model: string
  model_sha256: string
  eos_token_id: number
  rows: {
    question_id: number
    /** Of the rendered chat. */
    sha256: string
    prompt: number[]
    greedy: number[]
    /** By greedy token, HF's best score minus its second best in units of 1e-4. */
    gaps: number[]
  }[]
}

const golden: Golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/models/smollm2.json'), 'utf8'),
)

const missing = !MODEL
  ? `LLM_TEST_SMOLLM2 is not set to the path of ${golden.model}`
  : !existsSync(QUESTIONS) && `there is no ${QUESTIONS}`
if (missing) console.warn(`SmolLM2 is not tested: ${missing}.`)

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')

/** Where two texts part, and how clear HF's choice was there. */
function divergence(actual: readonly number[], { greedy, gaps }: Golden['rows'][number]): string | undefined {
  const at = greedy.findIndex((token, i) => actual[i] !== token)
  if (at < 0) return actual.length === greedy.length ? undefined : `goes on with ${actual[greedy.length]}`
  return `token ${at} is ${actual[at]}, not ${greedy[at]}; HF's gap is ${gaps[at] / 1e4}`
}

describe.skipIf(missing)('SmolLM2-135M-Instruct in float32 writes what HF transformers writes', () => {
  let model: LanguageModel
  let questions: Map<number, Message[]>
  beforeAll(async () => {
    expect(sha256(readFileSync(MODEL!)), `${MODEL} is another file`).toBe(golden.model_sha256)
    const lines = readFileSync(QUESTIONS, 'utf8').trim().split('\n')
    questions = new Map(
      lines.map((line) => {
        const { question_id, turns } = JSON.parse(line)
        return [question_id, [{ role: 'user', content: turns[0] }]]
      }),
    )
    model = await loadModel(MODEL!, { dtype: 'fp32', device: 'cpu' })
  })
  afterAll(() => model?.dispose())

  test.each(golden.rows)('question $question_id of MT-bench', async (row) => {
    const chat = questions.get(row.question_id)!
    const text = model.tokenizer.applyChatTemplate(chat, { addGenerationPrompt: true })
    expect(sha256(text)).toBe(row.sha256)
    expect(model.tokenizer.encode(text, { addSpecialTokens: false })).toEqual(row.prompt)
    const { ids, finish_reason, statistics } = await generate(model, chat, { max_new_tokens: 128 }).result()
    expect(divergence(ids, row)).toBeUndefined()
    expect(ids).toEqual(row.greedy)
    expect(finish_reason).toBe(ids.at(-1) === golden.eos_token_id ? 'eos' : 'length')
    expect(statistics.prompt_tokens).toBe(row.prompt.length)
  })
})
