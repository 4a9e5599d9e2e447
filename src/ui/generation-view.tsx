import { Box, render, Static, Text } from 'ink'
import { type StatisticsLike, statisticsLine } from './statistics-line.js'

/** A terminal's view of sequences that grow. */
export interface GenerationView {
  /** Adds text to a sequence. */
  append(sequence: number, text: string): void
  /** Shows the statistics of a generation that succeeded, and leaves the view as it is. */
  finish(statistics: StatisticsLike | undefined): Promise<void>
}

interface ViewState {
  /** By sequence. */
  readonly texts: readonly string[]
  readonly statistics: StatisticsLike | undefined
  /** Columns of the terminal. */
  readonly width: number
  /** Rows that may be drawn again; what lies above scrolls away and stays. */
  readonly rows: number
}

const FRAME_MS = 33
/** For the statistics and the cursor: ink clears the terminal where a view is as high as it. */
const SPARE_ROWS = 4
/** Beside its text a sequence has a heading and an empty row. */
const SEQUENCE_ROWS = 2

/** Renders on `stream`, a terminal; with several sequences each has a heading. */
export function generationView(
  sequences: number,
  stream: NodeJS.WriteStream = process.stdout,
): GenerationView {
  const texts = Array<string>(sequences).fill('')
  const view = (statistics?: StatisticsLike) => (
    <Generation
      texts={[...texts]}
      statistics={statistics}
      width={stream.columns || 80}
      rows={(stream.rows || 24) - SPARE_ROWS}
    />
  )
  const app = render(view(), { stdout: stream, exitOnCtrlC: false, patchConsole: false })
  let timer: NodeJS.Timeout | undefined
  const draw = () => {
    timer = undefined
    app.rerender(view())
  }
  return {
    append(sequence, text) {
      texts[sequence] += text
      // Drawing for each token would slow small models down.
      timer ??= setTimeout(draw, FRAME_MS)
    },
    async finish(statistics) {
      clearTimeout(timer)
      app.rerender(view(statistics))
      app.unmount()
      await app.waitUntilExit()
    },
  }
}

/** One sequence streams like a log; of several the last rows are drawn one below the other, and all in the end. */
export function Generation({ texts, statistics, width, rows }: ViewState) {
  return (
    <>
      {texts.length === 1 ? (
        <StreamedText text={texts[0]} width={width} />
      ) : statistics ? (
        <Static items={[...texts]}>{(text, i) => sequenceBox(text, i, texts.length, 'wrap')}</Static>
      ) : (
        fitting(texts, width, rows).map((text, i) => sequenceBox(text, i, texts.length, 'truncate'))
      )}
      {statistics && <Dim text={statisticsLine(statistics)} />}
    </>
  )
}

/** Rows are truncated while they must not take more room than was counted: wide characters would. */
function sequenceBox(text: string, index: number, count: number, wrap: 'wrap' | 'truncate') {
  return (
    <Box key={index} flexDirection="column" marginBottom={1}>
      <Dim text={`— ${index + 1} of ${count}`} />
      <Text wrap={wrap}>{text}</Text>
    </Box>
  )
}

/** Lines that are complete are printed once and for all: only the last one is drawn again and again. */
function StreamedText({ text, width }: { text: string; width: number }) {
  const { settled, open } = settledLines(text, width)
  return (
    <>
      <Static items={settled}>{(line, i) => <Text key={i}>{line === '' ? ' ' : line}</Text>}</Static>
      <Text>{open}</Text>
    </>
  )
}

/**
 * Splits a text at newlines, and a line without one at a space before `width` characters, or else inside a word. What
 * is settled stays so when the text grows.
 */
export function settledLines(text: string, width: number): { settled: string[]; open: string } {
  const settled = text.split('\n').flatMap((line) => wrapped(line, width))
  return { open: settled.pop()!, settled }
}

function wrapped(line: string, width: number): string[] {
  const rows: string[] = []
  let rest = line
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width)
    const end = space > 0 ? space : wholeCharacters(rest, width)
    if (end === rest.length) break
    rows.push(rest.slice(0, end))
    rest = rest.slice(space > 0 ? end + 1 : end)
  }
  return [...rows, rest]
}

/** Where to cut at or right after `length`, not inside a surrogate pair. */
function wholeCharacters(text: string, length: number): number {
  return length + (text.codePointAt(length - 1)! > 0xffff ? 1 : 0)
}

/** The last rows of as many sequences as `rows` have room for. */
function fitting(texts: readonly string[], width: number, rows: number): string[] {
  const shown = texts.slice(0, Math.max(1, Math.floor(rows / (SEQUENCE_ROWS + 1))))
  const height = Math.max(1, Math.floor(rows / shown.length) - SEQUENCE_ROWS)
  return shown.map((text) => {
    const { settled, open } = settledLines(text, width)
    return [...settled, open].slice(-height).join('\n')
  })
}

function Dim({ text }: { text: string }) {
  return <Text dimColor={!process.env.NO_COLOR}>{text}</Text>
}
