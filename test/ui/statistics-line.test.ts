import { expect, test } from 'vitest'
import { statisticsLine } from '../../src/ui/statistics-line.js'

test('names tokens, time to first token, speed and peak memory', () => {
  const line = statisticsLine({
    prompt_tokens: 5,
    generated_tokens: 60,
    time_to_first_token: 0.0449,
    tokens_per_second: 82.04,
    steps: 60,
    drafted_tokens: 0,
    accepted_tokens: 0,
    peak_memory: 324_460_000,
  })
  expect(line).toBe('5 prompt + 60 generated tokens · first after 0.04 s · 82.0 tok/s · peak 324.5 MB')
})

test('a generation of nothing', () => {
  const times = { time_to_first_token: 0, tokens_per_second: 0, peak_memory: 0 }
  const counts = { prompt_tokens: 1, generated_tokens: 0, steps: 0, drafted_tokens: 0, accepted_tokens: 0 }
  expect(statisticsLine({ ...times, ...counts })).toBe(
    '1 prompt + 0 generated tokens · first after 0.00 s · 0.0 tok/s · peak 0 B',
  )
})

test('drafts', () => {
  const times = { time_to_first_token: 0.1, tokens_per_second: 100, peak_memory: 1e6 }
  const counts = {
    prompt_tokens: 5,
    generated_tokens: 60,
    steps: 25,
    drafted_tokens: 50,
    accepted_tokens: 35,
  }
  expect(statisticsLine({ ...times, ...counts })).toBe(
    '5 prompt + 60 generated tokens · first after 0.10 s · 100.0 tok/s · 2.4 tokens a pass · 70% of drafts accepted · peak 1.0 MB',
  )
})
