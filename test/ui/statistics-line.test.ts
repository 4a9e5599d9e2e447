import { expect, test } from 'vitest'
import { statisticsLine } from '../../src/ui/statistics-line.js'

test('names tokens, time to first token, speed and peak memory', () => {
  const line = statisticsLine({
    prompt_tokens: 5,
    generated_tokens: 60,
    time_to_first_token: 0.0449,
    tokens_per_second: 82.04,
    peak_memory: 324_460_000,
  })
  expect(line).toBe('5 prompt + 60 generated tokens · first after 0.04 s · 82.0 tok/s · peak 324.5 MB')
})

test('a generation of nothing', () => {
  const nothing = { prompt_tokens: 1, generated_tokens: 0, time_to_first_token: 0, tokens_per_second: 0 }
  expect(statisticsLine({ ...nothing, peak_memory: 0 })).toBe(
    '1 prompt + 0 generated tokens · first after 0.00 s · 0.0 tok/s · peak 0 B',
  )
})
