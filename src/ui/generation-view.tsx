import { Box, render, Static, Text } from 'ink'
import { type StatisticsLike, statisticsLine } from './statistics-line.js'

/** A terminal's view of sequences that grow. */
export interface GenerationView {
  /** Adds text to a sequence. */
  append(sequence: number, text: string): void
  /** Shows the statistics and leaves the view as it is. */
  finish(statistics: StatisticsLike): Promise<void>
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
      rows={Math.max(4, (stream.rows || 24) - 4)}
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

/** One sequence streams like a log; several are drawn one below the other. */
export function Generation({ texts, statistics, width, rows }: ViewState) {
  return (
    <>
      {texts.length === 1 ? (
        <StreamedText text={texts[0]} width={width} rows={rows} />
      ) : (
        texts.map((text, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a sequence is its index
          <Box key={i} flexDirection="column" marginBottom={1}>
            <Dim text={`— ${i + 1} of ${texts.length}`} />
            <Text>{statistics ? text : lastRows(text, width, Math.floor(rows / texts.length))}</Text>
          </Box>
        ))
      )}
      {statistics && <Dim text={statisticsLine(statistics)} />}
    </>
  )
}

/** Lines that are complete are printed once and for all: only the last one is drawn again and again. */
function StreamedText({ text, width, rows }: { text: string; width: number; rows: number }) {
  const { settled, open } = settledLines(text, width * rows)
  return (
    <>
      <Static items={settled}>{(line, i) => <Text key={i}>{line === '' ? ' ' : line}</Text>}</Static>
      <Text>{open}</Text>
    </>
  )
}

/** Splits a text at newlines, and a line without one at a space before `limit` characters. */
export function settledLines(text: string, limit: number): { settled: string[]; open: string } {
  const lines = text.split('\n')
  const settled: string[] = []
  for (const [i, line] of lines.entries()) {
    let rest = line
    while (rest.length > limit) {
      const space = rest.lastIndexOf(' ', limit)
      const end = space > 0 ? space : limit
      settled.push(rest.slice(0, end))
      rest = rest.slice(space > 0 ? end + 1 : end)
    }
    if (i === lines.length - 1) return { settled, open: rest }
    settled.push(rest)
  }
  return { settled, open: '' }
}

function lastRows(text: string, width: number, rows: number): string {
  return text
    .split('\n')
    .slice(-rows)
    .join('\n')
    .slice(-Math.max(1, rows - 1) * width)
}

function Dim({ text }: { text: string }) {
  return <Text dimColor={!process.env.NO_COLOR}>{text}</Text>
}
