import { BaseCommand } from '../../cli/base-command.js'
import { listCached } from '../../hub/index.js'
import { formatBytes } from '../../ui/format.js'

interface ListedModel {
  id: string
  revisions: string[]
  commit: string
  /** Bytes. */
  size: number
  files: 'safetensors' | 'gguf' | 'onnx' | 'incomplete'
  /** ISO 8601. */
  lastUsed: string
  /** Directory of the snapshot. */
  path: string
}

export default class ModelsList extends BaseCommand {
  static override summary = 'List the models in the cache that is shared with Python.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ]

  async run(): Promise<ListedModel[]> {
    await this.parse(ModelsList)
    const models = listCached().map((model) => ({ ...model, lastUsed: model.lastUsed.toISOString() }))
    if (models.length === 0) this.log('No models in the cache: `llm models pull org/name` gets one.')
    else for (const line of table(models)) this.log(line)
    return models
  }
}

function table(models: ListedModel[]): string[] {
  const rows = models.map(({ id, revisions, size, files, lastUsed }) => [
    id,
    revisions.map((revision) => revision.replace(/^([0-9a-f]{8})[0-9a-f]{32}$/, '$1')).join(', '),
    formatBytes(size),
    files,
    lastUsed.slice(0, 10),
  ])
  const all = [['ID', 'REVISION', 'SIZE', 'FILES', 'LAST USED'], ...rows]
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)))
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  )
}
