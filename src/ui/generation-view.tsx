import { Box, render, Static, Text } from 'ink'
import type { ReactNode } from 'react'
import { printable } from '../printable.js'
import { type StatisticsLike, statisticsLine } from './statistics-line.js'

/** A terminal's view of sequences that grow. */
export interface GenerationView {
  /** Adds text to a sequence, of which the first characters may come from drafts: these are coloured. */
  append(sequence: number, text: string, drafted?: number): void
  /** Shows the sequences that a search follows below the text that they have in common. */
  showBeams(beams: readonly BeamLike[]): void
  /** Shows the statistics of a generation that succeeded, with the limit that ended it, and leaves the view as it is. */
  finish(statistics: StatisticsLike | undefined, ending?: string): Promise<void>
}

/** A sequence that is followed. */
export interface BeamLike {
  /** Its whole generated text. */
  text(): string
  readonly score: number
  readonly finished: boolean
}

interface ViewState {
  /** By sequence. */
  readonly texts: readonly string[]
  /** By sequence, where something drafts: the parts of the text that come from drafts. */
  readonly drafts?: readonly (readonly Span[])[]
  readonly statistics: StatisticsLike | undefined
  readonly ending?: string
  /** In a search, while it lasts. */
  readonly beams?: readonly BeamLike[]
  /** Columns of the terminal. */
  readonly width: number
  /** Rows that may be drawn again; what lies above scrolls away and stays. */
  readonly rows: number
}

/** From the first character to before the second one. */
export type Span = readonly [from: number, to: number]

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
  const drafts = texts.map((): Span[] => [])
  let beams: readonly BeamLike[] | undefined
  const view = (statistics?: StatisticsLike, ending?: string) => (
    <GenerationText
      texts={[...texts]}
      drafts={drafts}
      statistics={statistics}
      ending={ending}
      beams={beams}
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
  // Drawing for each token would slow small models down.
  const drawSoon = () => {
    timer ??= setTimeout(draw, FRAME_MS)
  }
  return {
    append(sequence, text, drafted = 0) {
      const { length } = texts[sequence]
      if (drafted > 0) drafts[sequence].push([length, length + printable(text.slice(0, drafted)).length])
      texts[sequence] += printable(text)
      drawSoon()
    },
    showBeams(followed) {
      beams = followed
      drawSoon()
    },
    async finish(statistics, ending) {
      clearTimeout(timer)
      beams = undefined
      app.rerender(view(statistics, ending))
      app.unmount()
      await app.waitUntilExit()
    },
  }
}

/** One sequence streams like a log; of several the last rows are drawn one below the other, and all in the end. */
export function GenerationText({
  texts,
  drafts = [],
  statistics,
  ending,
  beams = [],
  width,
  rows,
}: ViewState) {
  const room = rows - beams.length
  return (
    <>
      {texts.length === 1 ? (
        <StreamedText text={texts[0]} drafts={drafts[0]} width={width} />
      ) : statistics ? (
        <Static items={[...texts]}>
          {(text, i) => sequenceBox(coloured({ text, start: 0 }, drafts[i]), i, texts.length, 'wrap')}
        </Static>
      ) : beams.length > 0 ? (
        // What is settled is the same in all.
        <Text wrap="truncate">{lastRows(texts[0], width, Math.max(1, room))}</Text>
      ) : (
        fitting(texts, width, rows).map((text, i) => sequenceBox(text, i, texts.length, 'truncate'))
      )}
      {beams
        .slice(0, Math.max(1, rows - 1))
        .map((beam, i) => beamText(beam.finished, i, beamRow(beam, texts[0], width)))}
      {statistics && <Dim text={statisticsLine(statistics, ending)} />}
    </>
  )
}

function beamText(finished: boolean, rank: number, row: string) {
  return (
    <Text key={rank} wrap="truncate" dimColor={finished && !process.env.NO_COLOR}>
      {row}
    </Text>
  )
}

/** `  -3.21 │ …the end of its text`; one that has ended has a mark. */
export function beamRow(beam: BeamLike, settled: string, width: number): string {
  const label = `${beam.finished ? '■' : ' '} ${beam.score.toFixed(2).padStart(7)} │ `
  const own = printable(beam.text()).slice(settled.length).replace(/\s+/g, ' ')
  const room = Math.max(1, width - label.length - 1)
  return label + (own.length > room ? `…${own.slice(1 - room)}` : own)
}

/** Rows are truncated while they must not take more room than was counted: wide characters would. */
function sequenceBox(text: ReactNode, index: number, count: number, wrap: 'wrap' | 'truncate') {
  return (
    <Box key={index} flexDirection="column" marginBottom={1}>
      <Dim text={`— ${index + 1} of ${count}`} />
      <Text wrap={wrap}>{text}</Text>
    </Box>
  )
}

/** Lines that are complete are printed once and for all: only the last one is drawn again and again. */
function StreamedText({ text, drafts, width }: { text: string; drafts?: readonly Span[]; width: number }) {
  const rows = textRows(text, width)
  const open = rows.pop()!
  return (
    <>
      <Static items={rows}>
        {(row, i) => <Text key={i}>{row.text === '' ? ' ' : coloured(row, drafts)}</Text>}
      </Static>
      <Text>{coloured(open, drafts)}</Text>
    </>
  )
}

/** A row with what comes from drafts in green. */
export function coloured({ text, start }: TextRow, drafts: readonly Span[] = []): ReactNode {
  const spans = drafts.filter(([from, to]) => from < start + text.length && to > start)
  if (spans.length === 0 || process.env.NO_COLOR) return text
  let at = 0
  const pieces = spans.flatMap(([from, to]) => {
    const [first, last] = [Math.max(0, from - start), Math.min(text.length, to - start)]
    const before = text.slice(at, first)
    at = last
    return [
      before,
      <Text key={first} color="green">
        {text.slice(first, last)}
      </Text>,
    ]
  })
  return [...pieces, text.slice(at)]
}

/** Text of a row, and where it begins in the whole. */
export interface TextRow {
  readonly text: string
  readonly start: number
}

/**
 * Splits a text at newlines, and a line without one at a space before `width` characters, or else inside a word. What
 * is settled stays so when the text grows.
 */
export function settledLines(text: string, width: number): { settled: string[]; open: string } {
  const settled = textRows(text, width).map((row) => row.text)
  return { open: settled.pop()!, settled }
}

/** The rows of a text: see `settledLines`. */
export function textRows(text: string, width: number): TextRow[] {
  let start = 0
  return text.split('\n').flatMap((line) => {
    const rows = wrapped(line, width, start)
    start += line.length + 1
    return rows
  })
}

function wrapped(line: string, width: number, start: number): TextRow[] {
  const rows: TextRow[] = []
  let at = 0
  while (line.length - at > width) {
    const rest = line.slice(at)
    const space = rest.lastIndexOf(' ', width)
    const end = space > 0 ? space : wholeCharacters(rest, width)
    if (end === rest.length) break
    rows.push({ text: rest.slice(0, end), start: start + at })
    at += space > 0 ? end + 1 : end
  }
  return [...rows, { text: line.slice(at), start: start + at }]
}

/** Where to cut at or right after `length`, not inside a surrogate pair. */
function wholeCharacters(text: string, length: number): number {
  return length + (text.codePointAt(length - 1)! > 0xffff ? 1 : 0)
}

/** The last rows of as many sequences as `rows` have room for. */
function fitting(texts: readonly string[], width: number, rows: number): string[] {
  const shown = texts.slice(0, Math.max(1, Math.floor(rows / (SEQUENCE_ROWS + 1))))
  const height = Math.max(1, Math.floor(rows / shown.length) - SEQUENCE_ROWS)
  return shown.map((text) => lastRows(text, width, height))
}

function lastRows(text: string, width: number, count: number): string {
  const { settled, open } = settledLines(text, width)
  return [...settled, open].slice(-count).join('\n')
}

/** Text of less weight. */
export function Dim({ text }: { text: string }) {
  return <Text dimColor={!process.env.NO_COLOR}>{text}</Text>
}
