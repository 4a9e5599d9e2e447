import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { render } from 'ink-testing-library'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Chat, type ChatLine, chatView } from '../../src/ui/chat-view.js'
import { inputRows } from '../../src/ui/line-editor.js'

const line = (kind: ChatLine['kind'], text: string, drafts?: ChatLine['drafts']): ChatLine => ({
  kind,
  row: { text, start: 0 },
  drafts,
})

beforeEach(() => {
  vi.stubEnv('NO_COLOR', '1')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

describe('Chat', () => {
  const state = { lines: [], open: undefined, status: '', rows: 10 }
  const frame = (part: Partial<Parameters<typeof Chat>[0]> & { text?: string; cursor?: number }) => {
    const { text = '', cursor = text.length, ...rest } = part
    const { lastFrame, unmount } = render(<Chat {...state} input={inputRows(text, cursor, 20)} {...rest} />)
    unmount()
    return stripVTControlCharacters(lastFrame()!)
  }

  test('shows scrollback, the open row, the input and the status', () => {
    const lines = [line('user', 'Hi'), line('answer', 'Hello.'), line('note', 'Saved.')]
    const shown = frame({ lines, open: line('answer', 'And'), text: 'more', status: 'greedy · 5 tok/s' })
    expect(shown).toBe('> Hi\nHello.\nSaved.\nAnd\n> more\ngreedy · 5 tok/s')
  })

  test('keeps the rows around the cursor of a long input', () => {
    const text = Array.from({ length: 9 }, (_, i) => `line ${i}`).join('\n')
    expect(frame({ text, rows: 3 })).toBe('  line 6\n  line 7\n  line 8')
    expect(frame({ text, cursor: 0, rows: 3 })).toBe('> line 0\n  line 1\n  line 2')
  })
})

describe('chatView', () => {
  function open() {
    let written = ''
    const stdout = Object.assign(new PassThrough(), { columns: 40, rows: 12, isTTY: true })
    stdout.on('data', (chunk) => {
      written += chunk
    })
    const modes: boolean[] = []
    const stdin = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (mode: boolean) => modes.push(mode),
    })
    const onStop = vi.fn()
    const interruption = new AbortController()
    const terminal = { stdin, stdout } as unknown as Parameters<typeof chatView>[1]
    const view = chatView({ onStop, signal: interruption.signal }, terminal)
    return {
      view,
      onStop,
      interruption,
      modes,
      stdin,
      written: () => written,
      shown: () => stripVTControlCharacters(written),
    }
  }
  const arrival = () => new Promise((resolve) => setImmediate(resolve))

  test('gives what is entered, and what was entered meanwhile after it', async () => {
    const { view, stdin, shown } = open()
    const first = view.next()
    stdin.write('one\r')
    expect(await first).toBe('one')
    stdin.write('two\rthree\r')
    await arrival()
    view.append('An answer.\nIts end', 3)
    view.endAnswer({ statistics: { last: { finish_reason: 'eos' } } })
    expect(await view.next()).toBe('two')
    expect(await view.next()).toBe('three')
    await view.close()
    expect(shown()).toMatch(/> one\n+An answer\.\nIts end\n+> two\n+> three\n/)
    expect(shown()).not.toContain('Stopped.')
  })

  test('stops an answer on Ctrl-C, and forgets what was entered meanwhile', async () => {
    const { view, stdin, onStop, shown } = open()
    const first = view.next()
    stdin.write('one\r')
    await first
    view.append('An ans')
    stdin.write('two\r\u0003')
    await arrival()
    expect(onStop).toHaveBeenCalledTimes(1)
    view.endAnswer({ statistics: { last: { finish_reason: 'interrupted' } } })
    const next = view.next()
    stdin.write('three\r')
    expect(await next).toBe('three')
    await view.close()
    expect(shown()).toMatch(/An ans\nStopped\.\n+> three/)
  })

  test.each([
    ['Ctrl-C twice', '\u0003\u0003'],
    ['Ctrl-D', '\u0004'],
    ['Ctrl-C that takes a line back, and twice more', 'text\u0003\u0003\u0003'],
  ])('ends with %s, and leaves the terminal as it was', async (_, keys) => {
    const { view, stdin, modes, written } = open()
    const next = view.next()
    stdin.write(keys)
    expect(await next).toBeUndefined()
    await view.close()
    expect(modes).toEqual([true, false])
    expect(written()).toContain('\u001b[?2004h')
    expect(written()).toContain('\u001b[?2004l')
  })

  test('stays after one Ctrl-C, and says how to leave', async () => {
    const { view, stdin, onStop, shown } = open()
    const next = view.next()
    stdin.write('\u0003')
    await vi.waitFor(() => expect(shown()).toContain('Ctrl-C again'), { timeout: 60_000, interval: 1 })
    stdin.write('a\u0003')
    stdin.write('still here\r')
    expect(await next).toBe('still here')
    expect(onStop).not.toHaveBeenCalled()
    await view.close()
  })

  test('ends where the terminal is gone', async () => {
    const { view, stdin } = open()
    const next = view.next()
    stdin.end()
    expect(await next).toBeUndefined()
    await view.close()
  })

  test('ends where it is interrupted', async () => {
    const { view, interruption } = open()
    const next = view.next()
    interruption.abort()
    expect(await next).toBeUndefined()
    await view.close()
  })

  test('shows errors, notes and what was said before', async () => {
    const { view, shown } = open()
    view.replay([
      { role: 'user', content: 'Hi\nthere' },
      { role: 'assistant', content: 'Hello.' },
    ])
    view.append('Half an ans')
    view.error(new Error('No token can follow.'))
    view.note('Strategy: greedy.')
    await view.close()
    expect(shown()).toMatch(
      /> Hi\n {2}there\nHello\.\nHalf an ans\nError: No token can follow\.\nStrategy: greedy\.\n/,
    )
  })
})
