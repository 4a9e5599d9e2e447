import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CHAT_STRATEGIES } from '../../src/chat/strategies.js'
import Batch from '../../src/commands/batch.js'
import { KINDS } from '../../src/compare/kinds.js'
import { resolveGenerationConfig } from '../../src/config/index.js'
import { BEST_FIRST } from '../../src/drafting/auto.js'
import { isSizedByPay, type StrategyName, strategies } from '../../src/drafting/table.js'

const COMMANDS = join(import.meta.dirname, '../../src/commands/generate')
const rows = Object.entries(strategies)

describe('the table of strategies', () => {
  test('has a row for each command of llm generate, and no other', () => {
    const commands = readdirSync(COMMANDS).map((file) => file.replace(/\.ts$/, ''))
    expect(commands.filter((name) => name !== 'index').sort()).toEqual(Object.keys(strategies).sort())
  })

  test('names what chats list, with a default and auto, and what can be compared', () => {
    expect(CHAT_STRATEGIES.map(([name]) => name)).toEqual(['default', ...Object.keys(strategies), 'auto'])
    expect(Object.keys(KINDS)).toEqual(expect.arrayContaining(Object.keys(strategies)))
  })

  test.each(rows)(
    '%s: its own fields are flags of its command, and a batch has its flag',
    async (name, row) => {
      const { default: command } = await import(join(COMMANDS, `${name}.ts`))
      const flags = Object.entries(row.own ?? {}).map(
        ([field, { flag }]) => flag ?? field.replaceAll('_', '-'),
      )
      expect(Object.keys(command.flags)).toEqual(expect.arrayContaining(flags))
      const chosenBy = row.flag?.replace(/^no-/, '')
      if (chosenBy !== undefined) expect(Object.keys(Batch.flags)).toContain(chosenBy)
    },
  )

  test.each(rows)(
    '%s: drafts of files say which, by its own field and its flag',
    (_, { own, flag, drafts }) => {
      if (!drafts?.files) return
      const { field } = drafts.files
      expect(own?.[field]).toMatchObject({ kind: 'string', flag })
    },
  )

  test('has prompt lookup last of what auto chooses from: every model can serve it', () => {
    const files = BEST_FIRST.map((name: StrategyName) => strategies[name].drafts?.files)
    expect(files.map(Boolean)).toEqual([true, true, true, false])
  })
})

test('as much is drafted as pays where no setting says how much; a model’s drawn drafts never', () => {
  const [greedy, sampled] = [false, true].map(
    (do_sample) => resolveGenerationConfig({ values: { do_sample }, origin: 'the test' }).config,
  )
  const [none, all] = [() => false, (fields: readonly unknown[]) => fields.length > 0]
  const sized = (name: StrategyName) =>
    [greedy, sampled].flatMap((config) =>
      [none, all].map((isSet) => isSizedByPay(strategies[name].drafts!, config, isSet)),
    )
  expect(sized('lookup')).toEqual([true, false, true, false])
  expect(sized('speculative')).toEqual([true, false, false, false])
  expect(sized('medusa')).toEqual([true, true, true, true])
})
