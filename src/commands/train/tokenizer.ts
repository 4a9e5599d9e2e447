import { join } from 'node:path'
import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../cli/base-command.js'
import { separatorFlag } from '../../cli/train/flags.js'
import { UserError, usageError } from '../../errors.js'
import { makeDirectory, namesInIfThere, systemReason, writeFileWhole } from '../../files.js'
import { trainBpe } from '../../tokenizer/bpe-trainer.js'
import { byteLevelFiles, END_OF_TEXT } from '../../tokenizer/byte-level-files.js'
import { loadTokenizer } from '../../tokenizer/tokenizer.js'
import { WordCounter } from '../../tokenizer/word-counter.js'
import { readDocuments, type TrainingDocument } from '../../train/data/documents.js'
import { transferDisplay } from '../../ui/progress.js'

/** The 256 bytes come before anything that is learnt. */
const BYTES = 256
/** Characters of the text that the result is measured on. */
const SAMPLE = 2 ** 20

interface TokenizerReport {
  readonly tokenizer: string
  readonly vocab_size: number
  readonly merges: number
  /** UTF-8 bytes that were read. */
  readonly bytes: number
  /** On the first million characters. */
  readonly bytes_per_token: number
}

export default class TrainTokenizer extends BaseCommand {
  static override summary = 'Train a byte-level BPE tokenizer on text.'
  static override description =
    "Gives the tokens that HF tokenizers' BpeTrainer gives, in files that llm and HF transformers load."
  static override examples = [
    '<%= config.bin %> <%= command.id %> books.txt -o ./tokenizer --vocab-size 4096',
    '<%= config.bin %> <%= command.id %> a.txt b.jsonl.gz -o ./tokenizer --special-token "<|user|>" --special-token "<|bot|>"',
  ]
  static override strict = false
  static override args = {
    files: Args.string({ required: true, description: 'text or JSON Lines, one or several files' }),
  }
  static override flags = {
    output: Flags.string({ char: 'o', required: true, helpValue: 'DIR', description: 'where the files go' }),
    'vocab-size': Flags.integer({ min: BYTES + 1, default: 4096, description: 'tokens in all' }),
    'min-frequency': Flags.integer({
      min: 0,
      default: 2,
      description: 'how often a pair must occur to be merged',
    }),
    'special-token': Flags.string({
      multiple: true,
      helpValue: 'TEXT',
      description: `token that is never split, beside ${END_OF_TEXT}`,
    }),
    separator: separatorFlag(),
    force: Flags.boolean({ description: 'write into a directory that has files' }),
  }

  async run(): Promise<TokenizerReport> {
    const { argv, flags } = await this.parse(TrainTokenizer)
    const { output } = flags
    const specialTokens = [...new Set([END_OF_TEXT, ...(flags['special-token'] ?? [])])]
    const smallest = BYTES + specialTokens.length
    if (flags['vocab-size'] < smallest) {
      throw usageError(
        `--vocab-size cannot be ${flags['vocab-size']}: the bytes and special tokens are ${smallest}.`,
      )
    }
    if (!flags.force) await refuseFiles(output)
    const signal = this.interruptSignal()
    const { words, bytes, sample } = await countWords(argv as string[], flags.separator, signal)
    const { 'vocab-size': vocabSize, 'min-frequency': minFrequency } = flags
    const trained = trainBpe(words, { vocabSize, minFrequency, specialTokens, signal })
    await makeDirectory(output).catch((error) => {
      throw new UserError(`Cannot make ${output}: ${systemReason(error)}.`, 1, { cause: error })
    })
    for (const [name, content] of Object.entries(byteLevelFiles(trained, specialTokens))) {
      await writeFileWhole(join(output, name), content)
    }
    const tokenizer = await loadTokenizer(output)
    const report = {
      tokenizer: output,
      vocab_size: trained.tokens.length,
      merges: trained.merges.length,
      bytes,
      bytes_per_token:
        Buffer.byteLength(sample) / tokenizer.encode(sample, { addSpecialTokens: false }).length,
    }
    const perToken = report.bytes_per_token.toFixed(2)
    this.log(
      `The tokenizer is in ${output}: ${report.vocab_size} tokens, ${perToken} bytes each on this text.`,
    )
    return report
  }
}

async function refuseFiles(output: string): Promise<void> {
  if ((await namesInIfThere(output)).length > 0)
    throw usageError(`${output} has files already: give another --output, or --force.`)
}

async function countWords(files: readonly string[], separator: string | undefined, signal: AbortSignal) {
  const display = transferDisplay(process.stderr, 'Reading')
  const words = new WordCounter()
  let bytes = 0
  let sample = ''
  try {
    for await (const document of readDocuments(files, { separator, signal, onProgress: display.update })) {
      for (const text of textsOf(document)) {
        words.add(text)
        bytes += Buffer.byteLength(text)
        if (sample.length < SAMPLE) sample += text
      }
    }
  } finally {
    display.stop()
  }
  return { words: words.counts, bytes, sample }
}

function textsOf(document: TrainingDocument): string[] {
  if (document.kind === 'text') return [document.text]
  if (document.kind === 'prompt') return [document.prompt, document.completion]
  return document.messages.map(({ content }) => String(content))
}
