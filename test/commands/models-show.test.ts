import { join } from 'node:path'
import { format } from 'node:util'
import { captureOutput } from '@oclif/test'
import { beforeEach, expect, test, vi } from 'vitest'
import ModelsShow from '../../src/commands/models/show.js'
import { BUILT_IN_DIRECTORY } from '../../src/language-model/built-in.js'
import { writeExport } from '../exported/exports.js'
import { temporaryDirectory } from '../weights/files.js'

const ROOT = temporaryDirectory()

beforeEach(() => {
  // oclif prints with console.log, which vitest keeps away from the stream that captureOutput listens to.
  vi.spyOn(console, 'log').mockImplementation((...args) => {
    process.stdout.write(`${format(...args)}\n`)
  })
})

const show = (...argv: string[]) => captureOutput(() => ModelsShow.run(argv, import.meta.url))

test('says by which road a model runs, and why', async () => {
  const own = await show(BUILT_IN_DIRECTORY)
  expect(own.stdout).toMatch(/^Run by +a graph of llm's own, since it has safetensors$/m)
  const directory = await writeExport(join(BUILT_IN_DIRECTORY, 'draft'), join(ROOT, 'export'))
  const { stdout } = await show(directory)
  expect(stdout).toMatch(/^Run by +@huggingface\/transformers, .*, since it has no safetensors$/m)
  expect(stdout).toMatch(/^ONNX files +fp32 onnx\/model\.onnx \(auto\)$/m)
  expect(stdout).toMatch(/^Hidden states +none: /m)
})

test('says it in JSON, too', async () => {
  const own = JSON.parse((await show(BUILT_IN_DIRECTORY, '--json')).stdout)
  expect(own).toMatchObject({ road: 'graph', why: 'it has safetensors', architecture: 'Llama' })
  const directory = await writeExport(join(BUILT_IN_DIRECTORY, 'draft'), join(ROOT, 'json'), {
    isRecurrent: true,
  })
  expect(JSON.parse((await show(directory, '--json')).stdout)).toMatchObject({
    road: 'export',
    why: 'it has no safetensors',
    architecture: 'lfm2',
    strategies: ['greedy_search', 'sample'],
    lacks: { trees: expect.any(String) },
  })
})
