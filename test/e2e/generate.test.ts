import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadTokenizer } from '../../src/tokenizer/tokenizer.js'
import { fileWriter, isolateEnvironment, Llm, on, runClass, temporaryDirectory } from './cli.js'
import { json, STATISTICS, text } from './generation.js'
import { dictation, writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const llm = new Llm(home)
const file = fileWriter(home)
const TEMPLATE =
  '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<bot>{% endif %}'
const model = writeTextModel(join(home, 'model'))
const chatModel = writeTextModel(join(home, 'chat'), { tokenizerConfig: { chat_template: TEMPLATE } })
const tokenizer = await loadTokenizer(model)

isolateEnvironment(home)

describe('the prompt', () => {
  test('is the same from the argument, a file and stdin, where one newline is the shell’s', async () => {
    const expected = await text(on(model, 'hello'))
    expect(expected.length).toBeGreaterThan(5)
    for (const content of ['hello', 'hello\n', 'hello\r\n']) {
      expect(await text(on(model, '--prompt-file', file(content)))).toBe(expected)
      const { stdout, stderr, code } = await llm.run(['generate', ...on(model)], { input: content })
      expect([stdout, code]).toEqual([`${expected}\n`, 0])
      expect(stderr).toMatch(STATISTICS)
    }
    expect(await text(on(model, '--prompt-file', file('hello\n\n')))).not.toBe(expected)
  })

  test('may be the name of a strategy after --', async () => {
    const named = await llm.run(['generate', ...on(model), '--', 'sample'])
    expect(named.stdout).toBe(`${await text(on(model, 'sample'))}\n`)
    expect(named.code).toBe(0)
  })

  test('becomes a chat where the model has a template, unless --raw', async () => {
    const chat = await text(on(chatModel, 'hi'))
    expect(chat).toBe(await text(on(model, '<user>hi<bot>')))
    expect(chat).toBe(await text(on(chatModel, '--raw', '<user>hi<bot>')))
    expect(await text(on(chatModel, '--raw', 'hi'))).toBe(await text(on(model, 'hi')))
    expect(chat).not.toBe(await text(on(model, 'hi')))
  })

  test('of a chat has a system message with --system', async () => {
    const chat = await text(on(chatModel, 'hi', '--system', 'Be kind.'))
    expect(chat).toBe(await text(on(model, '<system>Be kind.<user>hi<bot>')))
  })

  test('follows --chat-template, written out or from a file', async () => {
    const template = '[{{ messages[0].content }}]'
    const expected = await text(on(model, '[hi]'))
    expect(await text(on(chatModel, 'hi', '--chat-template', template))).toBe(expected)
    expect(await text(on(model, 'hi', '--chat-template', file(template)))).toBe(expected)
  })
})

describe('--json', () => {
  test('is one object with text, tokens, ids, finish reason, configuration and statistics', async () => {
    const result = await json(on(model, 'hello', '--max-new-tokens', '8'))
    expect(Object.keys(result)).toEqual(['text', 'ids', 'tokens', 'finish_reason', 'config', 'statistics'])
    expect(result.text).toBe(await text(on(model, 'hello', '--max-new-tokens', '8')))
    expect(result.ids).toHaveLength(8)
    expect(tokenizer.decode(result.ids)).toBe(result.text)
    expect(result.tokens).toEqual(result.ids.map((id) => tokenizer.idToToken(id) ?? ''))
    expect(result.finish_reason).toBe('length')
    expect(result.config).toMatchObject({ max_new_tokens: 8, do_sample: false, top_k: 50, eos_token_id: [2] })
    expect(result.config.seed).toSatisfy(Number.isSafeInteger)
    expect(result.statistics).toEqual({
      prompt_tokens: tokenizer.encode('hello').length,
      generated_tokens: 8,
      time_to_first_token: expect.any(Number),
      total_time: expect.any(Number),
      tokens_per_second: expect.any(Number),
      steps: 8,
      drafted_tokens: 0,
      accepted_tokens: 0,
      drafts_by_depth: [],
      acceptance_by_depth: [],
      draft_time: expect.any(Number),
      verify_time: expect.any(Number),
      peak_memory: expect.any(Number),
    })
  })

  test('says when the model ended its text', async () => {
    const result = await json(on(model, '>', '--config', file(dictation(tokenizer, '>', 'The end.'))))
    expect(result).toMatchObject({ text: 'The end.', finish_reason: 'eos' })
    expect(result.ids.at(-1)).toBe(2)
    expect(result.tokens.at(-1)).toBe('</s>')
  })

  test('has log-probabilities with --logprobs', async () => {
    const { logprobs, ids, tokens } = await json(
      on(model, 'hello', '--logprobs', '3', '--max-new-tokens', '4'),
    )
    expect(logprobs).toHaveLength(4)
    for (const [i, entry] of logprobs!.entries()) {
      expect(entry).toMatchObject({ id: ids[i], token: tokens[i] })
      // Greedy decoding takes the most probable token.
      expect(entry.top[0]).toEqual({ id: ids[i], token: tokens[i], logprob: entry.logprob })
      expect(entry.top).toHaveLength(3)
      const sorted = entry.top.map(({ logprob }) => logprob).sort((a, b) => b - a)
      expect(entry.top.map(({ logprob }) => logprob)).toEqual(sorted)
      expect(Math.max(...sorted)).toBeLessThan(0)
    }
  })

  test('has scores by the output fields, infinities spelled out', async () => {
    const flags = ['--output-scores', '--output-logits', '--output-hidden-states', '--suppress-tokens', '7']
    const result = await json(on(model, 'hello', '--max-new-tokens', '2', ...flags))
    expect(result.scores!.map((row) => row.length)).toEqual([320, 320])
    expect(result.scores![0][7]).toBe('-Infinity')
    expect(result.logits![0][7]).toEqual(expect.any(Number))
    expect(result.hidden_states!.map((row) => row.length)).toEqual([64, 64])
    expect(result.transition_scores).toHaveLength(2)
  })
})

describe('sampling', () => {
  test('writes the same text for the same seed, and another one for another seed', async () => {
    const sampled = (seed: number) => text(on(model, 'hello', '--seed', `${seed}`), 'generate sample')
    const first = await sampled(1)
    expect(await sampled(1)).toBe(first)
    expect(await sampled(2)).not.toBe(first)
    expect(await text(on(model, 'hello', '--do-sample', '--seed', '1'))).toBe(first)
  })

  test('reports the seed that gives its text again', async () => {
    const { config, text: drawn } = await json(on(model, 'hello'), 'generate sample')
    expect(await text(on(model, 'hello', '--seed', `${config.seed}`), 'generate sample')).toBe(drawn)
    const again = await json(on(model, 'hello'), 'generate sample')
    expect(again.config.seed).not.toBe(config.seed)
  })

  test('gives --num-return-sequences under headings, and as a list with --json', async () => {
    const args = on(model, 'hello', '--seed', '1', '--num-return-sequences', '3')
    const result = await json(args, 'generate sample')
    const texts = result.sequences!.map((sequence) => sequence.text)
    expect(new Set(texts).size).toBe(3)
    expect(result.text).toBe(texts[0])
    expect(result.ids).toEqual(result.sequences![0].ids)
    expect(texts[0]).toBe(await text(on(model, 'hello', '--seed', '1'), 'generate sample'))
    expect(await text(args, 'generate sample')).toBe(
      `${texts[0]}\n\n— 2 of 3\n${texts[1]}\n\n— 3 of 3\n${texts[2]}`,
    )
  })

  test('greedy differs from it, and is what generate does by itself', async () => {
    const greedy = await text(on(model, 'hello'), 'generate greedy')
    expect(greedy).toBe(await text(on(model, 'hello')))
    expect(greedy).not.toBe(await text(on(model, 'hello', '--seed', '1'), 'generate sample'))
  })
})

describe('--config', () => {
  test('sets fields, which flags override', async () => {
    const config = file('{"max_new_tokens": 3, "do_sample": true, "seed": 5}')
    const result = await json(on(model, 'hello', '--config', config, '--seed', '6'))
    expect(result.config).toMatchObject({ max_new_tokens: 3, do_sample: true, seed: 6 })
    expect(result.ids).toHaveLength(3)
  })
})

describe('the model’s settings', () => {
  test('are followed, and an unknown one is told of', async () => {
    const generationConfig = { max_new_tokens: 3, made_up: 1 }
    const own = writeTextModel(join(home, 'own'), { generationConfig })
    const { stdout, stderr, code } = await runClass('generate', ['--json', ...on(own, 'hello')])
    expect(stderr).toMatch(
      /^made_up in \S+\/generation_config\.json is not a generation field and is ignored\.\n$/,
    )
    expect(JSON.parse(stdout).ids).toHaveLength(3)
    expect(code).toBe(0)
  })
})

const stories = join(import.meta.dirname, '../../../shared/models/stories260K')
describe('stories260K', () => {
  test('tells the same story from safetensors and GGUF', async ({ skip }) => {
    skip(!existsSync(stories), `there is no model at ${stories}`)
    const args = ['Once upon a time', '--max-new-tokens', '40']
    const story = await text(on(stories, ...args))
    expect(story).toMatch(/^, there was a little girl named Lily\. She loved to play outsid/)
    // Its weights are converted, of which a line tells.
    const { stdout } = await runClass('generate', on(join(stories, 'model.gguf'), ...args))
    expect(stdout).toBe(`${story}\n`)
  })
})
