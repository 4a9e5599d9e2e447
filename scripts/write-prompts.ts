/**
 * Writes questions and requests of many kinds, to which a model then writes the answers that its heads learn from.
 *
 *     npx tsx scripts/write-prompts.ts OUT.jsonl [--prompts 2500] [--seed 1] [--long]
 *
 * Each line has a `prompt`, and the same as `question`, which `llm batch` passes through: a request of one of eight kinds, in turn
 * (writing, roleplay, reasoning, arithmetic, code, extraction, science, humanities), its places filled at random by the seed. No
 * request is written twice. With `--long` they are of six kinds that ask for several paragraphs.
 */
import { parseArgs } from 'node:util'
import { writeFileWhole } from '../src/files.js'
import { createRandom } from '../src/random.js'

const words = (list: string) => list.split('|')

const PLACES: Readonly<Record<string, readonly string[]>> = {
  place: words(
    'Lisbon|Kyoto|Cape Town|Iceland|the Andes|Morocco|a fishing village|New Orleans|the Scottish Highlands|Vietnam|a desert town|Buenos Aires|Istanbul|the Great Barrier Reef|rural Poland|Nairobi|the Rocky Mountains|Venice|a night market|an old lighthouse',
  ),
  thing: words(
    'a bicycle|a lost key|a thunderstorm|a library card|a wooden boat|an old clock|a robot gardener|a secret recipe|a broken violin|a street cat|a snow globe|a letter from the future|a hidden door|a lighthouse lamp|a talking parrot|a jar of honey|a train ticket|a red umbrella|a map without names|a pair of glasses',
  ),
  topic: words(
    'remote work|electric cars|school uniforms|city gardens|space travel|public libraries|social media|nuclear power|four-day weeks|online learning|artificial intelligence|recycling|team sports|healthy sleep|vegetarian food|learning an instrument|saving money|public transport|volunteering|video games|tourism|renting a home|small businesses|home cooking|reading aloud to children',
  ),
  role: words(
    'a ship’s captain|a strict but kind teacher|a medieval baker|an astronaut on Mars|a detective in Paris|a museum guide|a tired dragon|a football coach|a doctor who explains things simply|a famous chef|a travel agent|a beekeeper|a time traveller|a friendly librarian|a mountain guide|a poet of the sea|a retired engineer|a radio host',
  ),
  recipient: words(
    'my manager|a customer|a landlord|a new colleague|my team|a former teacher|a neighbour|a job applicant|a supplier|the city council',
  ),
  matter: words(
    'a delayed delivery|a request for a day off|a meeting that moves to Friday|a broken heater|feedback on a report|an invitation to a workshop|a late payment|a change of plan|thanks for good help|an error in an invoice|a new schedule|a complaint about noise',
  ),
  animal: words(
    'bees|whales|ants|owls|octopuses|penguins|bats|elephants|spiders|salmon|wolves|frogs|crows|turtles',
  ),
  science: words(
    'photosynthesis|gravity|evolution|plate tectonics|vaccines|black holes|the water cycle|DNA|magnetism|acids and bases|the seasons|sound waves|electric current|the immune system|batteries|friction|the greenhouse effect|atoms|fermentation|tides|the human heart|digestion|enzymes|superconductors|entropy|the speed of light|rainbows|volcanoes|antibiotics|radioactivity',
  ),
  history: words(
    'the Roman Republic|the Industrial Revolution|the Silk Road|the French Revolution|the printing press|the Cold War|ancient Egypt|the Renaissance|the Black Death|the Ottoman Empire|the moon landing|the Great Depression|the Viking age|the Meiji period|the end of apartheid|the Magna Carta|the Age of Sail|the Aztec Empire',
  ),
  idea: words(
    'justice|inflation|democracy|free will|supply and demand|stoicism|human rights|capitalism|utilitarianism|nationalism|tragedy in literature|irony|impressionism|monopoly|the social contract|baroque music|taxation|myth',
  ),
  task: words(
    'reverses a string|finds the largest number of a list|checks if a word is a palindrome|counts the words of a text|sorts a list of numbers|computes the factorial of a number|removes duplicates from a list|finds the common elements of two lists|checks if a number is prime|merges two sorted lists|computes Fibonacci numbers|counts vowels|finds the second largest number|turns Celsius into Fahrenheit|rotates a list|validates an email address|reads a CSV file and sums a column|finds the longest word of a sentence|groups words by their first letter|flattens a nested list|does a binary search|computes the average of numbers',
  ),
  language: words('Python|JavaScript|Java|C++|Go|TypeScript|Rust|C'),
  concept: words(
    'recursion|a hash table|a linked list|a stack and a queue|object-oriented programming|an API|version control|a database index|a loop and recursion|unit tests|big O notation|a compiler|caching|a regular expression|a thread and a process|type checking',
  ),
  name: words('Anna|Ben|Chloe|David|Elena|Farid|Grace|Hiro|Ines|Jonas|Kofi|Lucia|Maya|Noah|Olga|Pedro'),
  other: words('Sam|Tara|Umar|Vera|Will|Xenia|Yusuf|Zoe|Rosa|Quinn'),
  item: words(
    'apples|notebooks|tickets|marbles|cookies|stamps|books|eggs|pencils|flowers|bottles|oranges|stickers',
  ),
  job: words(
    'nurse|carpenter|programmer|gardener|accountant|teacher|pilot|cook|electrician|journalist|farmer|architect',
  ),
  city: words('Berlin|Chicago|Madrid|Oslo|Toronto|Mumbai|Seoul|Lima|Cairo|Dublin|Prague|Perth'),
  small: Array.from({ length: 18 }, (_, i) => String(i + 2)),
  large: Array.from({ length: 60 }, (_, i) => String(20 + 7 * i)),
  form: words('short story|poem|news report|diary entry|speech|dialogue|blog post|fable|letter'),
  audience: words(
    'a ten-year-old|a beginner|a busy manager|a grandparent|a university student|a curious friend',
  ),
}

const KINDS: readonly (readonly string[])[] = [
  [
    'Write a {form} about {thing}.',
    'Write a {form} set in {place}.',
    'Write a polite email to {recipient} about {matter}.',
    'Write a product description for {thing}.',
    'Describe a morning in {place} so that the reader can hear and smell it.',
    'Write the first paragraph of a novel in which {name} finds {thing} in {place}.',
    'Write three catchy headlines for an article on {topic}.',
    'Make this sentence more formal: "Hey, we gotta talk about {matter} before things get worse."',
    'Write a short essay for and against {topic}.',
    'Write a review of a restaurant in {place}.',
  ],
  [
    'Pretend to be {role}. Tell me about your day.',
    'You are {role}. Explain {science} to me in your own words.',
    'Act as {role} and give me advice about {topic}.',
    'You are {role}, and I have just lost {thing}. What do you say?',
    'Speak as {role} and welcome visitors to {place}.',
    'Imagine that you are {role}. What do you think of {topic}?',
  ],
  [
    '{name} is taller than {other}, and {other} is taller than {name}’s sister. Who is the shortest? Explain.',
    'Which word does not belong with the others: {item}, {animal}, {city}? Say why.',
    'If all {animal} sleep and some sleepers dream, do all {animal} dream? Explain step by step.',
    '{name} left home at 8 and walked for {small} hours, then rested for one hour. When did the rest end? Think step by step.',
    'What are the advantages and disadvantages of {topic}?',
    'Why might a person in {city} choose {topic} over the alternatives? Give reasons.',
    'What would happen if there were no {animal} in the world?',
    'Compare {place} and {city} as places to live.',
    'Give three reasons why {topic} could fail, and how to prevent each.',
  ],
  [
    '{name} has {large} {item} and gives {small} to {other}. How many are left?',
    'A box holds {small} {item}. How many {item} are in {large} boxes?',
    '{name} buys {small} {item} at {small} dollars each and pays with {large} dollars. How much change is there?',
    'A train travels {large} kilometers in {small} hours. What is its average speed?',
    'What is {small} percent of {large}?',
    'Solve for x: {small}x + {small} = {large}.',
    'A rectangle is {small} meters wide and {large} meters long. What are its area and perimeter?',
    'The sum of two numbers is {large} and one of them is {small}. What is their product?',
    'What is the probability of rolling a {small} or less with a die of {large} sides?',
  ],
  [
    'Write a function in {language} that {task}.',
    'Write a {language} program that {task}, with comments.',
    'Explain {concept} with an example in {language}.',
    'What is the difference between {concept} and {concept}?',
    'How do I test a {language} function that {task}?',
    'Explain {concept} to {audience}.',
    'Give a step-by-step algorithm that {task}.',
  ],
  [
    'Extract the name, the job and the city as JSON: "{name} works as a {job} in {city} and likes {topic}."',
    'List the numbers of this text: "In {city}, {name} sold {large} {item} in {small} days and kept {small}."',
    'Summarize in one sentence: "{name}, a {job} from {city}, went to {place} to study {animal}. After {small} weeks {name} wrote a book on {topic}, of which {large} copies were sold."',
    'Make a table of these people with columns name, job and city: {name} is a {job} in {city}; {other} is a {job} in {city}.',
    'Is this review positive or negative, and why? "I bought {thing} in {city}. It broke after {small} days, but the shop gave me {small} {item} as an apology."',
    'Turn this into a list of steps: "First {name} washed the {item}, then cut them, waited {small} minutes, and at last took them to {other}."',
    'Give five keywords for a text about {topic} and {history}.',
  ],
  [
    'Explain {science} to {audience}.',
    'How does {science} work?',
    'What are common misunderstandings about {science}?',
    'How do {animal} find their food?',
    'What is the relation between {science} and {science}?',
    'Describe an experiment about {science} that can be done at home.',
    'Why is {science} important in everyday life?',
    'What did scientists believe before {science} was understood?',
  ],
  [
    'What were the main causes of {history}?',
    'How did {history} change everyday life?',
    'Explain {idea} to {audience}.',
    'What is {idea}? Give an example from {history}.',
    'Compare {history} with {history}.',
    'Write a lesson plan about {history}.',
    'How does {idea} matter for {topic} today?',
    'Suggest five questions for a discussion of {idea}.',
    'What can a traveller learn about history in {place}?',
  ],
]

const LONG_KINDS: readonly (readonly string[])[] = [
  [
    'Write a lively travel article about a week in {place}, with the food, the people and the sights.',
    'Draft a friendly but professional email to {recipient} about {matter}. Ask for an answer by the end of the week.',
    'Write a persuasive letter to {recipient} in favour of {topic}.',
    'Write a short story of four paragraphs that begins with {thing} and ends in {place}.',
    'Describe a busy street in {city}, with its sounds, smells and people.',
    'Write a blog post that compares {topic} and {topic}. Use headings.',
    'Outline an article on {topic}: an introduction, three arguments and a conclusion.',
    'Write a descriptive paragraph about {thing}, then a shorter version of it.',
  ],
  [
    'You are {role}. Answer this question as that person would, at length: what do you think of {topic}?',
    'Take the part of {role} and tell a group of visitors the story of {history}.',
    'Imagine that {thing} could speak. Write what it tells {name} about {place}.',
    'Pretend to be {role} who is asked to explain {science}. Use pictures from your work.',
    'Write an interview with {role} about {topic}, with five questions and answers.',
  ],
  [
    'Suppose that {city} gave up {topic}. Discuss what would change for its people, step by step.',
    '{name} must choose between work as a {job} in {city} and work as a {job} in {place}. Weigh the two and give advice.',
    'How can a person who has little time learn about {science}? Make a plan for four weeks.',
    'Explain why {topic} is debated, and give the arguments of both sides in detail.',
    'A {job} earns {large} dollars a day and spends {small} dollars on food. Explain step by step how long it takes to save for {thing}.',
  ],
  [
    'Write a {language} program that {task}. Explain every step, and show how it is used.',
    'Design a small website about {topic}: give its HTML, and explain each part.',
    'Implement {concept} in {language}, and describe its advantages.',
    'Write a {language} class for a list of {item}, with methods to add, find and remove them.',
    'Explain the difference between {concept} and {concept} in detail, with code in {language}.',
  ],
  [
    'Describe {science} in detail: how it works, who discovered it, and what it is used for.',
    'Explain the process of {science} and its effect on {animal} in several paragraphs.',
    'What are the main steps in {science}, and what happens in each?',
    'How do engineers make use of {science}? Give examples, with advantages and limits.',
    'Explain how {science} and {science} are connected, first simply and then in depth.',
  ],
  [
    'Give an overview of {history}: its causes, its course and its consequences.',
    'Discuss the relation between {idea} and {idea}, with examples from {history}.',
    'How did {history} shape the art and the economy of its time? Compare it with {history}.',
    'Explain {idea} and its place in the debate on {topic} today.',
    'Prepare a lesson on {history} for {audience}, with questions and answers.',
  ],
]

const text = { type: 'string' } as const
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    prompts: { ...text, default: '2500' },
    seed: { ...text, default: '1' },
    long: { type: 'boolean' },
  },
})
const [out] = positionals
const count = Number(values.prompts)
if (positionals.length !== 1 || !(count > 0)) {
  console.error('Usage: write-prompts.ts OUT.jsonl [--prompts 2500] [--seed 1] [--long]')
  process.exit(2)
}

const random = createRandom(Number(values.seed))
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]
const fill = (template: string) => template.replace(/\{(\w+)\}/g, (_, place) => pick(PLACES[place]))

const prompts = new Set<string>()
const kinds = values.long ? LONG_KINDS : KINDS
for (let i = 0; prompts.size < count; i++) prompts.add(fill(pick(kinds[i % kinds.length])))
await writeFileWhole(
  out,
  [...prompts].map((prompt) => `${JSON.stringify({ prompt, question: prompt })}\n`).join(''),
)
