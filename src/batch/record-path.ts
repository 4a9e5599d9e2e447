/** The side file's name: what wrote the rows of an output, the latest run last. */
export function recordPath(output: string): string {
  return `${output}.run.json`
}
