import { cpus, totalmem } from 'node:os'
import { RUNTIME_VERSION } from '../src/runtime/version.js'

export { median } from '../src/median.js'

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** The processor, memory and system, for the head of a report. */
export function machine(): string {
  const [{ model }] = cpus()
  const memory = (totalmem() / 1e9).toFixed(0)
  return `Machine: ${model.trim()}, ${cpus().length} cores, ${memory} GB; ${process.platform}-${process.arch}`
}

/** The head of a report: machine, versions, what else is to be told, and the command that measures it again. */
export function header(script: string, ...lines: readonly string[]): string[] {
  return [
    machine(),
    `Node ${process.version}, onnxruntime-node ${RUNTIME_VERSION}`,
    ...lines,
    ['Command: npx tsx', `bench/${script}`, ...process.argv.slice(2)].join(' '),
  ]
}

/** The value of an option. */
export function positive(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`--${name} needs a positive integer, not ${text}.`)
}
