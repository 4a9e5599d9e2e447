import type { GenerationConfig } from '../config/index.js'
import { UserError, usageError } from '../errors.js'
import { ForcedText } from '../grammar/forced.js'
import { Grammar } from '../grammar/grammar.js'
import { Prefixed } from '../grammar/prefixed.js'
import type { GrammarVocabulary } from '../grammar/token-expressions.js'
import { symbolsOf } from '../grammar/token-symbols.js'
import type { GrammarTokens } from '../grammar/tokens.js'
import { TOKEN_KIND } from '../grammar/vocabulary.js'
import { extend, type Prefix, tokensOf } from '../model/prefix.js'
import { GrammarState } from '../scores/grammar-state.js'
import { type GrammarProcessors, grammarProcessors } from '../scores/processors/grammar.js'
import { firstOf } from '../strategies/drafters/first-of.js'
import { forcedText } from '../strategies/drafters/forced-text.js'
import { heldTo } from '../strategies/drafters/held-to.js'
import { logSumExp } from '../strategies/softmax.js'
import type { CreateDrafter, StoppingCriterion } from '../strategies/strategy.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { keptTokens } from './kept-tokens.js'
import { type Language, languageKey, languageOf } from './language.js'
import type { GenerationModel } from './options.js'
import type { Statistics } from './statistics.js'
import type { Thinking } from './thinking.js'

/** A language in the tokens of a model, with all that was found out about it. */
interface Held {
  readonly language: Language
  readonly grammar: Grammar
  /** Bytes of the text that are the prompt's: token healing has the first token spell them again. */
  readonly healed: Uint8Array
}

/** Languages of a tokenizer whose masks are kept, the last used ones. */
const KEPT_LANGUAGES = 64

interface OfTokenizer {
  readonly tokens: Map<string, Promise<GrammarTokens>>
  readonly held: Map<string, Held>
}

const known = new WeakMap<Tokenizer, OfTokenizer>()

/**
 * The language that settings hold the text to. It is made once for all requests that ask for it.
 * @param healed the prompt's last token, where the text spells it again
 * @throws UserError, exit code 2, as `languageOf`
 */
export async function heldOf(
  config: GenerationConfig,
  { tokenizer, model }: Pick<GenerationModel, 'tokenizer' | 'model'>,
  healed?: number,
): Promise<Held> {
  let own = known.get(tokenizer)
  if (!own) {
    own = { tokens: new Map(), held: new Map() }
    known.set(tokenizer, own)
  }
  const ends = config.eos_token_id ?? tokenizer.eosTokenIds
  const vocabulary = JSON.stringify([model.vocabSize, ends])
  const making = own.tokens.get(vocabulary) ?? keptTokens(tokenizer, { size: model.vocabSize, ends })
  own.tokens.set(vocabulary, making)
  const tokens = await making
  const whole = healed === undefined ? undefined : await heldOf(config, { tokenizer, model })
  const key = JSON.stringify([languageKey(config), vocabulary, healed])
  const { held } = own
  const language = () => whole?.language ?? languageOf(config, namedTokens(tokens, tokenizer))
  const found = held.get(key) ?? heldWith(language(), tokens, healed)
  held.delete(key)
  held.set(key, found)
  const [oldest] = held.keys()
  if (held.size > KEPT_LANGUAGES) held.delete(oldest)
  return found
}

function heldWith(language: Language, tokens: GrammarTokens, healed: number | undefined): Held {
  const bytes = healed === undefined ? new Uint8Array() : tokens.vocabulary.bytesOf(healed)
  const automaton = bytes.length > 0 ? new Prefixed(bytes, language.automaton) : language.automaton
  return { language, grammar: new Grammar(automaton, tokens), healed: bytes }
}

export interface ConstraintOptions {
  readonly prompt: Prefix
  /** The most tokens of the whole sequence. */
  readonly limit: number
  readonly tokenizer: Tokenizer
  /** Whether tokens can be taken back, as drafts are. */
  readonly takesDrafts: boolean
  readonly thinking?: Thinking
  /** Called once where other settings forbid all that the language allows. */
  readonly onConflict?: () => void
}

/** Tokens as grammars name them. */
function namedTokens({ vocabulary }: GrammarTokens, tokenizer: Tokenizer): GrammarVocabulary {
  const { control, end, text } = TOKEN_KIND
  return {
    get controls() {
      return [...vocabulary.idsOf(control), ...vocabulary.idsOf(end)]
    },
    idOf: (name) => tokenizer.tokenToId(name),
    bytesOf: (id) => (vocabulary.kinds[id] === text ? vocabulary.bytesOf(id) : undefined),
  }
}

/** A request's text held to a language: what scores, drafts and the end of the text need of it. */
export class Constraint {
  readonly processors: GrammarProcessors
  /** That of the request, so bounded that room is left for the answer. */
  readonly thinking: Thinking | undefined
  /** Ends a text that nothing may follow. */
  readonly stop: StoppingCriterion = (prefix) => (this.state.isOver(prefix) ? 'eos' : undefined)
  /** Ends nothing. @throws UserError for a token that is not allowed */
  readonly check: StoppingCriterion = (prefix) => {
    if (this.state.isDead(prefix)) throw notAllowed()
    return undefined
  }
  private readonly state: GrammarState
  private forcedTokens = 0

  /** @throws UserError, exit code 2, where not even the shortest text fits into the limit */
  constructor(
    private readonly held: Held,
    private readonly options: ConstraintOptions,
  ) {
    const { grammar } = held
    const { prompt, limit, thinking, onConflict } = options
    const room = limit - prompt.length
    const overhead = thinking?.overhead ?? 0
    const answer = grammar.shortest(grammar.start)
    const least = answer + (thinking?.hasBegun ? overhead : 0)
    if (least > room) throw tooShort(least, room)
    this.thinking = thinking?.beforeAnswer(room - answer - overhead)
    this.state = new GrammarState({ grammar, promptLength: prompt.length, limit, thinking: this.thinking })
    this.processors = grammarProcessors(this.state, onConflict)
  }

  /** Drafts forced text, and else what a drafter has that is allowed. */
  drafting(createDrafter: CreateDrafter | undefined): CreateDrafter | undefined {
    if (!this.options.takesDrafts) return undefined
    const { automaton, tokens } = this.held.grammar
    const encode = (text: string) => this.options.tokenizer.encode(text, { addSpecialTokens: false })
    const count = (tokens: number) => {
      this.forcedTokens += tokens
    }
    const stateAfter = (prefix: Prefix) => this.state.after(prefix)
    const forced = forcedText(new ForcedText(automaton, tokens, encode), stateAfter, count)
    if (!createDrafter) return forced
    return firstOf([forced, heldTo(createDrafter, (prefix) => this.state.isAllowed(prefix))])
  }

  /**
   * Ids whose text goes on in the answer's. The prompt's own may have none: a decoder would drop the space that the answer begins with, as
   * that of a whole text.
   */
  get context(): readonly number[] {
    const { prompt, tokenizer } = this.options
    return [...tokensOf(prompt), ...tokenizer.encode('a', { addSpecialTokens: false })]
  }

  /** Characters at the beginning of the text that are the prompt's; undefined where the language knows of none. */
  get overlap(): number | undefined {
    const { healed } = this.held
    return healed.length > 0 ? Buffer.from(healed).toString().length : undefined
  }

  /** Whether the empty text is the only one. */
  get isEmpty(): boolean {
    return this.state.isOver(this.options.prompt)
  }

  /** The probability of all that is not allowed after a prefix, by the model's raw scores. */
  readonly maskedMass = (logits: Float32Array, prefix: Prefix): number => {
    const allowed = logits.slice()
    this.processors.mask(allowed, prefix)
    return Math.max(0, 1 - Math.exp(logSumExp(allowed) - logSumExp(logits)))
  }

  get statistics(): Required<Pick<Statistics, 'forced_tokens' | 'mask_time'>> {
    return { forced_tokens: this.forcedTokens, mask_time: this.processors.maskTime }
  }

  /** The value of a text that is complete; undefined for others. */
  valueOf(ids: readonly number[]): { readonly value: unknown } | undefined {
    const { grammar, language, healed } = this.held
    const answer = this.state.answerOf(ids.reduce<Prefix>(extend, this.options.prompt))
    if (!answer) return undefined
    const { kinds } = grammar.tokens.vocabulary
    // The token that has ended the text is none of it.
    const said = kinds[answer.at(-1)!] === TOKEN_KIND.end ? answer.slice(0, -1) : answer
    const symbols = symbolsOf(grammar.tokens.vocabulary, said).slice(healed.length)
    return { value: language.parse(grammar.bytesOf(answer).subarray(healed.length).toString(), symbols) }
  }
}

function tooShort(least: number, room: number) {
  return usageError(
    least === Number.POSITIVE_INFINITY
      ? 'The tokens of the model cannot spell any text that the grammar allows: ask for another text.'
      : `The shortest text that the grammar allows has ${least} tokens, and ${room} may be generated: raise max_new_tokens, or shorten what is asked for.`,
  )
}

function notAllowed(): UserError {
  return new UserError(
    'The strategy has chosen a token that the grammar does not allow: it has to leave out tokens with a score of -Infinity.',
  )
}
