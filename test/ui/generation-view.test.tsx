import { EventEmitter } from 'node:events'
import { stripVTControlCharacters } from 'node:util'
import { render } from 'ink-testing-library'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { beamRow, GenerationText, generationView, settledLines } from '../../src/ui/generation-view.js'
import { seededRandom } from '../weights/files.js'

const statistics = {
  prompt_tokens: 5,
  generated_tokens: 60,
  time_to_first_token: 0.04,
  tokens_per_second: 82,
  steps: 60,
  drafted_tokens: 0,
  accepted_tokens: 0,
  peak_memory: 324_500_000,
}
const LINE = /5 prompt \+ 60 generated tokens · first after 0\.04 s · 82\.0 tok\/s · peak 324\.5 MB/

/** Texts of words, spaces, newlines and emoji, of up to 120 pieces. */
function randomTexts(count: number): string[] {
  const random = seededRandom(7)
  const pieces = ['a', 'word', ' ', ' ', '  ', '\n', '\n\n', 'supercalifragilistic', '😀', '日本', '.']
  return Array.from({ length: count }, () =>
    Array.from({ length: 120 * random() }, () => pieces[Math.floor(pieces.length * random())]).join(''),
  )
}

describe('beamRow', () => {
  const beam = (text: string, finished = false) => ({ text: () => text, score: -3.214, finished })

  test.each([
    [beam('The cat sat'), 'The cat', 40, '    -3.21 │  sat'],
    [beam('The cat\nsat  down', true), 'The', 40, '■   -3.21 │  cat sat down'],
    [beam('The cat sat on the mat'), '', 24, '    -3.21 │ …on the mat'],
  ])('%# shows what is beyond the settled text, its end above all', (one, settled, width, row) => {
    expect(beamRow(one, settled, width)).toBe(row)
    expect(beamRow(one, settled, width).length).toBeLessThan(width)
  })

  test('shows no control characters', () => {
    expect(beamRow(beam('The\u001b[2J\u009bcat'), 'The', 40)).toBe('    -3.21 │ \\u001b[2J\\u009bcat')
  })
})

test('beams are drawn below the text that they share, and are gone in the end', () => {
  const beam = (text: string, score: number) => ({ text: () => text, score, finished: false })
  const state = { width: 40, rows: 10, statistics: undefined }
  for (const texts of [['one\ntwo'], ['one\ntwo', 'one\ntwo']]) {
    const beams = [beam('one\ntwo three', -1), beam('one\ntwo four', -2)]
    const app = render(<GenerationText {...state} texts={texts} beams={beams} />)
    expect(app.lastFrame()).toBe('one\ntwo\n    -1.00 │  three\n    -2.00 │  four')
    app.rerender(
      <GenerationText {...state} texts={texts.map((text) => `${text} three`)} statistics={statistics} />,
    )
    const frame = app.lastFrame()!
    expect(frame).not.toContain('│')
    expect(frame.split('two three').length - 1).toBe(texts.length)
    expect(frame).toMatch(LINE)
  }
})

describe('settledLines', () => {
  test.each([
    ['', 10, [], ''],
    ['short', 10, [], 'short'],
    ['one\ntwo', 10, ['one'], 'two'],
    ['one\n', 10, ['one'], ''],
    ['\n\n', 10, ['', ''], ''],
    ['ten letters', 10, ['ten'], 'letters'],
    ['0123456789', 10, [], '0123456789'],
    ['0123456789a', 10, ['0123456789'], 'a'],
    ['0123456789 a', 10, ['0123456789'], 'a'],
    ['012345678😀a', 10, ['012345678😀'], 'a'],
    ['012345678😀\nb', 10, ['012345678😀'], 'b'],
  ])('of %j in %d columns', (text, width, settled, open) => {
    expect(settledLines(text, width)).toEqual({ settled, open })
  })

  test('joined are the text, but for one space or newline a border', () => {
    for (const text of randomTexts(300)) {
      for (const width of [1, 7, 40]) {
        const { settled, open } = settledLines(text, width)
        let at = 0
        for (const line of settled) {
          expect(text.startsWith(line, at)).toBe(true)
          expect(line).not.toContain('\n')
          at += line.length
          // Past the width goes only a character of two units, which is cut off like a part of a word.
          if (text[at] === '\n' || (text[at] === ' ' && line.length <= width)) at++
        }
        expect(text.slice(at)).toBe(open)
      }
    }
  })

  test('are no longer than a row, and hold whole characters', () => {
    for (const text of randomTexts(300)) {
      const { settled, open } = settledLines(text, 7)
      for (const line of [...settled, open]) {
        expect(line.length - (line.codePointAt(6)! > 0xffff ? 1 : 0)).toBeLessThanOrEqual(7)
        expect(line).not.toMatch(/\p{Surrogate}/u)
      }
    }
  })

  test('stay settled when the text grows', () => {
    for (const text of randomTexts(100)) {
      const characters = [...text]
      let before: string[] = []
      for (let length = 0; length <= characters.length; length++) {
        const { settled } = settledLines(characters.slice(0, length).join(''), 7)
        expect(settled.slice(0, before.length)).toEqual(before)
        before = settled
      }
    }
  })
})

describe('Generation', () => {
  const frame = (texts: string[], done: boolean, rows = 20) => {
    const view = (
      <GenerationText texts={texts} statistics={done ? statistics : undefined} width={40} rows={rows} />
    )
    const { lastFrame, unmount } = render(view)
    const shown = stripVTControlCharacters(lastFrame()!)
    unmount()
    return shown
  }

  test('shows one text with its empty lines', () => {
    expect(frame(['first line\n\nlast'], false)).toBe('first line\n\nlast')
  })

  test('shows the statistics in the end', () => {
    const shown = frame(['text'], true)
    expect(shown.replace(/\s+/g, ' ')).toMatch(LINE)
    expect(shown.startsWith('text\n')).toBe(true)
    expect(frame(['text'], false)).not.toContain('prompt')
  })

  test('heads several texts', () => {
    expect(frame(['one', 'two'], false).trimEnd()).toBe('— 1 of 2\none\n\n— 2 of 2\ntwo')
  })

  test.each([1, 2, 5, 30])(
    'is no higher than its rows while %d texts of many lines grow, and whole in the end',
    (count) => {
      const lines = Array.from({ length: 50 }, (_, i) => `line ${i}; ${'x'.repeat(i % 20)}`.trim())
      const texts = Array<string>(count).fill(lines.join('\n'))
      const shown = frame(texts, true)
      if (count > 1) expect(frame(texts, false, 12).split('\n').length).toBeLessThanOrEqual(12)
      for (const line of lines) {
        expect(shown.split('\n').filter((row) => row === line)).toHaveLength(count)
      }
    },
  )
})

describe('generationView', () => {
  beforeEach(() => {
    vi.stubEnv('NO_COLOR', '1')
  })
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  function terminal() {
    let written = ''
    const stream = Object.assign(new EventEmitter(), {
      columns: 40,
      rows: 10,
      isTTY: true,
      write: (text: string) => {
        written += text
        return true
      },
    }) as unknown as NodeJS.WriteStream
    return { stream, shown: () => stripVTControlCharacters(written) }
  }

  test('ends with all that was appended, and the statistics', async () => {
    const { stream, shown } = terminal()
    const view = generationView(1, stream)
    for (const piece of ['Hel', 'lo\n', 'there']) view.append(0, piece)
    await view.finish(statistics)
    expect(shown()).toMatch(/Hello\n+there\n/)
    expect(shown().replace(/\s+/g, ' ')).toMatch(LINE)
  })

  test('ends without statistics after a failure', async () => {
    const { stream, shown } = terminal()
    const view = generationView(2, stream)
    view.append(1, 'second')
    await view.finish(undefined)
    expect(shown()).toContain('second')
    expect(shown()).not.toContain('tok/s')
  })
})
