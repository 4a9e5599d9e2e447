/**
 * Beginnings of simple stories, a `prompt` a line, each with a hero and an opening of the lists below; where
 * `write-texts.ts` has a story model go on from them, no two stories begin alike for long.
 *
 *     npx tsx scripts/built-in/story-openings.ts COUNT > openings.jsonl
 */
import { createRandom } from '../../src/random.js'

const OPENINGS = [
  'Once upon a time, there was HERO who',
  'Once upon a time, there was HERO',
  'One day, HERO',
  'One sunny day, HERO',
  'It was a cold day, and HERO',
  'There was once HERO who lived PLACE.',
  'HERO lived PLACE.',
  'HERO was very happy.',
  'HERO was sad because',
  'PLACE there was HERO.',
]
const HEROES = split(
  'a little girl, a small boy, an old man, a kind old woman, a brown dog, a grey cat, a young rabbit, a shy mouse, a brave duck, a boy named Ben, a girl named Mia, a grandmother, a farmer, a king, a queen, a clever fox, a lazy bear, a gentle dragon, a lost bird, a boy and his father, a girl and her mother, two friends, a busy bee, a slow turtle, a hungry wolf, a frog, a squirrel, an owl, a lamb, a fish, a girl named Anna, a boy named Sam, a monkey, a big elephant, a little train, a doll, a baker, a butterfly, a puppy, a kitten',
)
const PLACES = split(
  'in a forest, by the sea, on a farm, in a small town, in a garden, on a hill, by a river, in a castle, in a small house, near a lake, in a big tree, in the park, at the zoo, in a barn',
)

function split(text: string): readonly string[] {
  return text.split(', ')
}

const random = createRandom(1)
const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)]
for (let i = 0; i < Number(process.argv[2]); i++) {
  const text = pick(OPENINGS).replace('HERO', pick(HEROES)).replace('PLACE', pick(PLACES))
  console.log(JSON.stringify({ prompt: text[0].toUpperCase() + text.slice(1) }))
}
