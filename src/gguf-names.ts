/** Names of GGUF files: which ones are parts of one model, and which quantisation they are of. */

/** A part as llama.cpp's gguf-split names it: `NAME-00002-of-00003.gguf`. */
const PART = /^(.*)-(\d{5})-of-(\d{5})(\.gguf)$/is

/** Missing parts that a message names. */
const MOST_NAMES = 3

interface PartName {
  readonly stem: string
  /** From 1. */
  readonly number: number
  readonly count: number
  readonly extension: string
}

function partName(path: string): PartName | undefined {
  const [, stem, number, count, extension] = PART.exec(path) ?? []
  if (stem === undefined || Number(count) < 2) return undefined
  return { stem, number: Number(number), count: Number(count), extension }
}

function partPath({ stem, count, extension }: PartName, number: number): string {
  const digits = (value: number) => String(value).padStart(5, '0')
  return `${stem}-${digits(number)}-of-${digits(count)}${extension}`
}

/** Whether a file is named as the part of a model: as which (from 1) of how many (2 and more). */
export function ggufPart(path: string): { readonly number: number; readonly count: number } | undefined {
  return partName(path)
}

/**
 * The models among files, in the order of their names: each is one file, or the parts of one in their order. A projector (`mmproj`)
 * is the vision part of a model, and left out.
 */
export function ggufModels(paths: readonly string[]): string[][] {
  const models = new Map<string, string[]>()
  for (const path of paths) {
    if (!/\.gguf$/i.test(path) || /(^|\/)mmproj[^/]*$/i.test(path)) continue
    const part = partName(path)
    const first = part ? partPath(part, 1) : path
    const files = models.get(first)
    if (files) files.push(path)
    else models.set(first, [path])
  }
  return [...models].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, files]) => files.sort())
}

/** What is wrong with the files of a model, as in `it lacks …`; undefined where they are whole. */
export function faultOfParts(files: readonly string[]): string | undefined {
  const part = partName(files[0])
  if (!part) return undefined
  const extra = files.find((file) => {
    const { number } = partName(file)!
    return number < 1 || number > part.count
  })
  if (extra !== undefined) return `${extra} is none of its ${part.count} parts`
  const lacking = part.count - files.length
  if (lacking === 0) return undefined
  const there = new Set(files)
  const named: string[] = []
  for (let number = 1; named.length < Math.min(lacking, MOST_NAMES); number++) {
    const path = partPath(part, number)
    if (!there.has(path)) named.push(path)
  }
  const more = lacking - named.length
  return `it lacks ${named.join(', ')}${more > 0 ? ` and ${more} more parts` : ''}`
}

/** Whether a text can be the name of a quantisation, such as Q4_K_M, UD-IQ3_XXS or BF16. */
export function isQuantisation(text: string): boolean {
  return /^(?=.*\d)[A-Za-z][\w-]{1,31}$/.test(text)
}

/** llama.cpp's quantisations whose files hold types that are not read: of one to three bits by lattices of values. */
const UNREAD = [
  'IQ1_S',
  'IQ1_M',
  'IQ2_XXS',
  'IQ2_XS',
  'IQ2_S',
  'IQ2_M',
  'IQ3_XXS',
  'IQ3_XS',
  'IQ3_S',
  'IQ3_M',
  'Q1_0',
]

/** Whether a file's name says that it holds types that are not read; its header says it for certain. */
export function hasUnreadTypes(path: string): boolean {
  return UNREAD.some((name) => hasQuantisation(path, name))
}

/**
 * Whether a path has the name of a quantisation, in any case, as a word of its own: `m-Q4_K_M.gguf` has no `Q4_K`. It ends at a
 * hyphen, a dot or a slash, as for llama.cpp's `-hf`, and may follow an underscore as well.
 */
export function hasQuantisation(path: string, name: string): boolean {
  return new RegExp(`(?:^|[-._/])${name}[-./]`, 'i').test(path)
}
