import { basename, dirname, join } from 'node:path'
import { UserError } from '../errors.js'
import { namesIn } from '../files.js'
import { faultOfParts, ggufModels, ggufPart } from '../gguf-names.js'
import { type GgufHeader, MAX_ENTRIES, readGgufHeader } from './gguf-header.js'
import { damaged, type openWeightFile, type WeightFile } from './weight-file.js'

/** Parts of a model at most: each is a file that stays open. The largest models have some hundred. */
const MOST_PARTS = 1000

/** An open file of GGUF and what stands before its tensors' data. */
export interface GgufFile {
  readonly file: WeightFile
  readonly header: GgufHeader
}

/**
 * Opens a GGUF file, and the other parts of its model where its metadata say that it is one (llama.cpp's gguf-split): whichever
 * part is given, all are opened, in their order. They are told by their names and have to say the same of themselves.
 * @throws UserError for a part that is missing, extra, doubled or of another model
 */
export async function openGgufFiles(path: string, open: typeof openWeightFile): Promise<GgufFile[]> {
  const given = await openGgufFile(path, open)
  const count = splitNumber(given, 'split.count') ?? 1
  if (count < 2) return [given]
  const parts: GgufFile[] = []
  let tensors = 0
  for (const name of await namesOfParts(path, given, count)) {
    const part = name === basename(path) ? given : await openGgufFile(join(dirname(path), name), open)
    checkPart(part, given, count)
    tensors += part.header.tensors.length
    if (tensors > MAX_ENTRIES) throw damaged(part.file.path, `its model has more than ${MAX_ENTRIES} tensors`)
    // What later parts say beside their place counts for nothing.
    parts.push(parts.length === 0 ? part : { ...part, header: { ...part.header, metadata: new Map() } })
  }
  checkTensors(parts)
  return parts
}

async function openGgufFile(path: string, open: typeof openWeightFile): Promise<GgufFile> {
  const file = await open(path)
  return { file, header: readGgufHeader(file) }
}

/** Names in the file's directory, in the order of their parts. */
async function namesOfParts(path: string, given: GgufFile, count: number): Promise<string[]> {
  if (count > MOST_PARTS) {
    throw new UserError(`${path} is one of ${count} parts, and at most ${MOST_PARTS} are opened.`)
  }
  const name = basename(path)
  if (ggufPart(name)?.count !== count) {
    const part = (splitNumber(given, 'split.no') ?? 0) + 1
    throw new UserError(
      `${path} is one of ${count} parts (number ${part}), and its name does not say where the others are: name them NAME-00001-of-${String(count).padStart(5, '0')}.gguf and so on.`,
    )
  }
  const files = ggufModels(await namesIn(dirname(path))).find((names) => names.includes(name)) ?? [name]
  const fault = faultOfParts(files)
  if (fault !== undefined) {
    throw new UserError(
      `${path} is one of ${count} parts of a model, which is not whole in ${dirname(path)}: ${fault}.`,
    )
  }
  return files
}

/** @throws UserError for a file whose metadata contradict its name, or are another model's */
function checkPart(part: GgufFile, given: GgufFile, count: number): void {
  const { path } = part.file
  const number = (splitNumber(part, 'split.no') ?? 0) + 1
  const ownCount = splitNumber(part, 'split.count') ?? 1
  if (number !== ggufPart(path)?.number || ownCount !== count) {
    throw damaged(path, `by its metadata it is part ${number} of ${ownCount}`)
  }
  const [own, other] = [part, given].map(({ header }) => header.metadata.get('general.architecture'))
  if (own !== undefined && other !== undefined && own !== other) {
    const names = [own, other].map((each) => JSON.stringify(each))
    throw damaged(path, `it is of the architecture ${names[0]}, and ${given.file.path} of ${names[1]}`)
  }
  const [total, others] = [part, given].map((each) => splitNumber(each, 'split.tensors.count'))
  if (total !== others) {
    throw damaged(
      path,
      `it is a part of a model of ${total ?? 'unknown'} tensors, and ${given.file.path} of one of ${others ?? 'unknown'}`,
    )
  }
}

/** @throws UserError where the parts have not as many tensors as they say, or some twice */
function checkTensors(parts: readonly GgufFile[]): void {
  const tensors = parts.flatMap(({ header }) => header.tensors)
  const places = new Map<string, string>()
  for (const { name, file } of tensors) {
    const other = places.get(name)
    if (other !== undefined) throw damaged(file, `it has the tensor ${name}, as ${other} has`)
    places.set(name, file)
  }
  const [{ file }] = parts
  const total = splitNumber(parts[0], 'split.tensors.count') ?? tensors.length
  if (total === tensors.length) return
  throw damaged(
    file.path,
    `its model has ${total} tensors, and its ${parts.length} parts have ${tensors.length}`,
  )
}

function splitNumber({ file, header }: GgufFile, key: string): number | undefined {
  const value = header.metadata.get(key)
  if (value === undefined) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
  throw damaged(file.path, `its ${key} is ${typeof value === 'bigint' ? value : JSON.stringify(value)}`)
}
