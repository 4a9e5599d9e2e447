import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { copyTokenizer } from '../../src/tokenizer/copy.js'

test('a trained model has all files that its tokenizer is read from', async () => {
  const home = mkdtempSync(join(tmpdir(), 'model-files-'))
  onTestFinished(() => rmSync(home, { recursive: true }))
  const names = [
    'added_tokens.json',
    'additional_chat_templates/tool_use.jinja',
    'chat_template.jinja',
    'merges.txt',
    'special_tokens_map.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ]
  mkdirSync(join(home, 'from/additional_chat_templates'), { recursive: true })
  mkdirSync(join(home, 'to'))
  for (const name of [...names, 'model.safetensors']) writeFileSync(join(home, 'from', name), name)
  await copyTokenizer(join(home, 'from'), join(home, 'to'))
  const copied = readdirSync(join(home, 'to'), { recursive: true, encoding: 'utf8' }).sort()
  expect(copied).toEqual(['additional_chat_templates', ...names].sort())
})
