/**
 * Compares tokenizers with what transformers makes of the same files and texts.
 *
 *     python scripts/oracle/make_tokenizers.py DIR [--seed 0]
 *     npx tsx scripts/oracle/compare-tokenizers.ts DIR [NAME...]
 *
 * Prints each tokenizer with a difference and the first ones of them; exits 1 if there is any. One that transformers cannot
 * load must be refused here too, and the other way round.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../src/errors.js'
import { loadTokenizer, type Tokenizer } from '../../src/tokenizer/tokenizer.js'

interface Expected {
  readonly error?: string
  readonly cases: readonly { readonly text: string; readonly ids: number[]; readonly bare: number[] }[]
  readonly decoded: readonly { readonly ids: number[]; readonly text: string; readonly plain: string }[]
  readonly special: Readonly<Record<string, readonly [string | null, number | null]>>
}

const SHOWN = 4

async function differences(directory: string): Promise<string[]> {
  const expected = JSON.parse(readFileSync(join(directory, 'expected.json'), 'utf8')) as Expected
  const tokenizer = await loadTokenizer(directory).catch((error) => error as Error)
  if (tokenizer instanceof Error) {
    if (!(tokenizer instanceof UserError)) return [`${tokenizer.stack}`]
    return expected.error ? [] : [`refused: ${tokenizer.message}`]
  }
  return expected.error ? [`transformers refuses it: ${expected.error}`] : compare(tokenizer, expected)
}

function compare(tokenizer: Tokenizer, { cases, decoded, special }: Expected): string[] {
  const found: string[] = []
  const check = (what: string, ours: unknown, theirs: unknown) => {
    const [one, other] = [JSON.stringify(ours), JSON.stringify(theirs)]
    if (one !== other) found.push(`${what}\n      ours   ${one}\n      theirs ${other}`)
  }
  for (const { text, ids, bare } of cases) {
    check(JSON.stringify(text), tokenizer.encode(text), ids)
    check(`${JSON.stringify(text)} bare`, tokenizer.encode(text, { addSpecialTokens: false }), bare)
  }
  for (const { ids, text, plain } of decoded) {
    check(`[${ids}]`, tokenizer.decode(ids), text)
    check(`[${ids}] plain`, tokenizer.decode(ids, { skipSpecialTokens: true }), plain)
  }
  const { bosToken, eosToken, padToken } = tokenizer
  for (const [name, token] of Object.entries({
    bos_token: bosToken,
    eos_token: eosToken,
    pad_token: padToken,
  })) {
    check(name, [token ?? null, tokenizer.tokenToId(token ?? '') ?? null], special[name])
  }
  return found
}

const [root, ...names] = process.argv.slice(2)
let total = 0
const directories = readdirSync(root).filter((name) => names.length === 0 || names.includes(name))
for (const name of directories) {
  const found = await differences(join(root, name))
  total += found.length
  if (found.length > 0) console.log(`${name}: ${found.length}\n    ${found.slice(0, SHOWN).join('\n    ')}`)
}
console.log(`${directories.length} tokenizers, ${total} differences`)
process.exit(total > 0 ? 1 : 0)
