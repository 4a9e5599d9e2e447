/**
 * Has a model write short, simple stories: the text from which the built-in model learns last.
 *
 *     npx tsx scripts/built-in/write-stories.ts MODEL OUT.jsonl SECONDS
 *
 * Each prompt draws its hero, place, thing and mood from the lists below (Eldan and Li 2023, "TinyStories"), and has 16
 * sampled answers; those that reach their end are kept, a line each: `prompt`, and `text`, the answer. Seeded: the same
 * model gives the same stories in the same order, and SECONDS says how far it gets. Goes on after the lines that OUT has.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { generate, loadModel } from '../../src/index.js'
import { createRandom, forkSeed } from '../../src/random.js'

const SEED = 1
const ANSWERS = 16

const heroes =
  'a little girl|a small boy|an old man|a kind old woman|a brown dog|a grey cat|a young rabbit|a shy mouse|a proud rooster|a tired horse|a brave duck|two brothers|two sisters|a grandmother|a farmer|a fisherman|a baker|a king|a young queen|a clever fox|a lazy bear|a lonely giant|a gentle dragon|a lost bird|a new teacher|a boy and his father|a girl and her mother|three friends|a busy bee|a slow turtle|a hungry wolf|a little boat|a sailor|a gardener|a frog|a squirrel|an owl|a lamb|a goose|a tailor'.split(
    '|',
  )
const places =
  'in a forest|by the sea|on a farm|in a small town|in a garden|at school|on a hill|by a river|in a castle|in a kitchen|on an island|in the snow|at a market|in a big city|on a ship|in a barn|near a lake|in a quiet village|under a bridge|in a tall tower|in a cave|on a train|at home|in a meadow|at a fair'.split(
    '|',
  )
const things =
  'a red ball|a lost key|a golden ring|a warm coat|a broken cup|an apple tree|a letter|a loud noise|a blue stone|a lantern|a birthday cake|a wooden box|a kite|an old book|a bell|a bag of seeds|a pair of shoes|a storm|a bowl of soup|a little bird|a map|a song|a big hole|a hat|a strange egg|a broken wheel|a mirror|a drum|a promise|a secret|a race|a picture|a bridge|a star|a fish|a blanket|a rope|a garden gate|a race to the hill|a lost tooth'.split(
    '|',
  )
const moods =
  'The story is happy.|The story is a little sad, but ends well.|The story is funny.|The story is about being kind.|The story is about telling the truth.|The story is about being brave.|The story is about sharing.|The story has people who talk to each other.|The story has a surprise.|The story is about hard work.|The story is about helping a friend.|The story is calm, for bedtime.|The story is about making a mistake and putting it right.|The story is about saying sorry.'.split(
    '|',
  )

const [source, out, seconds] = process.argv.slice(2)
const model = await loadModel(source, { dtype: 'fp32', device: 'cpu' })
const written = existsSync(out) ? readFileSync(out, 'utf8').trimEnd().split('\n') : []
const begun = performance.now()
let tokens = 0
for (let i = written.length > 0 ? JSON.parse(written.at(-1)!).index + 1 : 0; ; i++) {
  const random = createRandom(forkSeed(SEED, i))
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)]
  const prompt = `Write a short and simple story for a young child about ${pick(heroes)} ${pick(places)}, and ${pick(things)}. ${pick(moods)} Use short sentences and easy words.`
  const answers = generate(model, [{ role: 'user', content: prompt }], {
    do_sample: true,
    temperature: 0.7,
    top_p: 0.9,
    top_k: 0,
    num_return_sequences: ANSWERS,
    max_new_tokens: 256,
    seed: i,
  })
  const { sequences } = await answers.result()
  for (const { text, ids, finish_reason } of sequences) {
    tokens += ids.length
    if (finish_reason !== 'eos') continue
    appendFileSync(out, `${JSON.stringify({ index: i, prompt, text: text.trim() })}\n`)
  }
  const elapsed = (performance.now() - begun) / 1000
  console.error(`${i}: ${tokens} tokens, ${(tokens / elapsed).toFixed(0)} tok/s`)
  if (elapsed > Number(seconds)) break
}
await model.dispose()
