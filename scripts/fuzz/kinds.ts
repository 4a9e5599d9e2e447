/** What is damaged, how, and the commands that then read it. */
import { mutateBytes, mutateGguf, mutateJson, mutateSafetensors, mutateText } from './mutate.js'
import { pick, type Rng } from './rng.js'

export interface FuzzKind {
  readonly name: string
  /** Share of the cases. */
  readonly weight: number
  /** Names below the directory of base files that a case has; directories are taken whole. */
  readonly files: readonly string[]
  /** Makes the base files that a run of `llm` writes, once, in the directory of base files. */
  readonly prepare?: readonly (readonly string[])[]
  /** The files of which one is damaged, each with how. */
  readonly targets: Readonly<Record<string, (content: Buffer, random: Rng) => Buffer | string>>
  /** Arguments of one of the commands, run in the case's directory; `<` and a text at the end are its stdin. */
  readonly commands: readonly (readonly string[])[]
}

const json = (content: Buffer, random: Rng) => mutateJson(content.toString(), random)
const text = (content: Buffer, random: Rng) => mutateText(content.toString(), random)

/** JSON Lines: one of its lines is damaged. */
function jsonl(content: Buffer, random: Rng): string {
  const lines = content.toString().trimEnd().split('\n')
  const line = pick(random, [...lines.keys()])
  lines[line] = random() < 0.8 ? mutateJson(lines[line], random) : mutateText(lines[line], random)
  return `${lines.join('\n')}\n`
}

const BRIEF = ['--device', 'cpu', '--threads', '1', '--max-new-tokens', '2']
const GENERATE = ['generate', '-m', 'model', ...BRIEF, 'the hen']
const PULL = ['models', 'pull', 'a/b']

export const KINDS: readonly FuzzKind[] = [
  {
    name: 'config',
    weight: 12,
    files: ['model'],
    targets: { 'model/config.json': json },
    commands: [GENERATE, ['models', 'show', 'model']],
  },
  {
    name: 'generation config',
    weight: 8,
    files: ['model'],
    targets: { 'model/generation_config.json': json },
    commands: [GENERATE],
  },
  {
    name: 'tokenizer',
    weight: 12,
    files: ['model'],
    targets: { 'model/tokenizer.json': json, 'model/tokenizer_config.json': json },
    commands: [GENERATE, ['models', 'show', 'model']],
  },
  {
    name: 'safetensors',
    weight: 8,
    files: ['model'],
    targets: { 'model/model.safetensors': mutateSafetensors },
    commands: [GENERATE, ['models', 'show', 'model']],
  },
  {
    name: 'shards',
    weight: 4,
    files: ['sharded'],
    targets: { 'sharded/model.safetensors.index.json': json },
    commands: [['generate', '-m', 'sharded', ...BRIEF, 'the hen']],
  },
  {
    name: 'gguf',
    weight: 12,
    files: ['model.gguf'],
    targets: { 'model.gguf': mutateGguf },
    commands: [
      ['generate', '-m', 'model.gguf', ...BRIEF, '--dtype', 'fp32', 'the hen'],
      ['models', 'show', 'model.gguf'],
    ],
  },
  {
    name: 'template',
    weight: 10,
    files: ['model', 'template.jinja'],
    targets: { 'template.jinja': text },
    commands: [['generate', '-m', 'model', '--chat-template', 'template.jinja', ...BRIEF, 'the hen']],
  },
  {
    name: 'settings file',
    weight: 6,
    files: ['model', 'config.json'],
    targets: { 'config.json': json },
    commands: [
      [
        'generate',
        '-m',
        'model',
        '--config',
        'config.json',
        '--device',
        'cpu',
        '--threads',
        '1',
        '--max-new-tokens',
        '2',
        'the hen',
      ],
    ],
  },
  {
    name: 'batch rows',
    weight: 8,
    files: ['model', 'rows.jsonl'],
    targets: { 'rows.jsonl': jsonl },
    commands: [['batch', 'rows.jsonl', '-o', 'out.jsonl', '-m', 'model', ...BRIEF]],
  },
  {
    name: 'batch output',
    weight: 4,
    files: ['model', 'rows.jsonl', 'done.jsonl', 'done.jsonl.run.json'],
    prepare: [['batch', 'rows.jsonl', '-o', 'done.jsonl', '-m', 'model', ...BRIEF, '--seed', '1']],
    targets: { 'done.jsonl': jsonl, 'done.jsonl.run.json': json },
    commands: [['batch', 'rows.jsonl', '-o', 'done.jsonl', '-m', 'model', ...BRIEF, '--seed', '1']],
  },
  {
    name: 'plan',
    weight: 3,
    files: ['model', 'plan.yaml', 'prompts.jsonl'],
    targets: { 'plan.yaml': text, 'prompts.jsonl': jsonl },
    commands: [
      [
        'compare',
        '--plan',
        'plan.yaml',
        '-m',
        'model',
        '--device',
        'cpu',
        '--threads',
        '1',
        '--repetitions',
        '1',
        '--max-new-tokens',
        '2',
      ],
    ],
  },
  {
    name: 'comparison',
    weight: 3,
    files: ['comparison.json'],
    prepare: [
      [
        'compare',
        'prompts.jsonl',
        '-m',
        'model',
        '-s',
        'greedy',
        '-s',
        'lookup',
        '-o',
        'comparison.json',
        '--device',
        'cpu',
        '--threads',
        '1',
        '--max-new-tokens',
        '2',
      ],
    ],
    targets: { 'comparison.json': json },
    commands: [['compare', '--from', 'comparison.json', '--html', 'page.html']],
  },
  {
    name: 'chat',
    weight: 3,
    files: ['model', 'chat.json'],
    prepare: [
      [
        'chat',
        '-m',
        'model',
        '--device',
        'cpu',
        '--threads',
        '1',
        '--max-new-tokens',
        '2',
        '<',
        'the hen\n/save chat.json\n',
      ],
    ],
    targets: { 'chat.json': json },
    commands: [
      [
        'chat',
        '-m',
        'model',
        '--device',
        'cpu',
        '--threads',
        '1',
        '--max-new-tokens',
        '2',
        '<',
        '/load chat.json\nthe sea\n/stats\n',
      ],
    ],
  },
  {
    name: 'medusa heads',
    weight: 1,
    files: ['medusa'],
    targets: { 'medusa/config.json': json, 'medusa/medusa_lm_head.safetensors': mutateSafetensors },
    commands: [['generate', 'medusa', '--medusa-heads', 'medusa', ...BRIEF, 'One day']],
  },
  {
    name: 'mtp modules',
    weight: 1,
    files: ['mtp'],
    targets: { 'mtp/config.json': json, 'mtp/mtp.safetensors': mutateSafetensors },
    commands: [['generate', 'mtp', '--mtp-modules', 'mtp', ...BRIEF, 'One day']],
  },
  {
    name: 'hub cache',
    weight: 2,
    files: ['hub'],
    targets: {
      'hub/models--a--b/refs/main': (content, random) => mutateBytes(content, random),
      'hub/models--a--b/snapshots/0123456789012345678901234567890123456789/config.json': json,
    },
    commands: [['models', 'list'], ['models', 'show', 'a/b'], ['models', 'rm', 'a/b', '--yes'], PULL],
  },
  {
    name: 'chats to learn',
    weight: 1,
    files: ['model', 'chats.jsonl'],
    targets: { 'chats.jsonl': jsonl },
    commands: [
      [
        'train',
        'sft',
        'chats.jsonl',
        '-m',
        'model',
        '-o',
        'out',
        '--steps',
        '1',
        '--batch-size',
        '1',
        '--sequence-length',
        '16',
        '--held-out-rows',
        '0',
      ],
    ],
  },
  {
    name: 'checkpoint',
    weight: 1,
    files: ['text.txt', 'model', 'run'],
    prepare: [TRAIN()],
    targets: { 'run/checkpoint-2/training_state.safetensors': mutateSafetensors, 'run/log.jsonl': jsonl },
    commands: [[...TRAIN(), '--resume']],
  },
  {
    name: 'text',
    weight: 1,
    files: ['text.txt', 'model'],
    targets: { 'text.txt': (content, random) => mutateBytes(content, random) },
    commands: [
      ['eval', 'text.txt', '-m', 'model', '--device', 'cpu', '--window', '16'],
      ['watermark', 'detect', 'text.txt', '-m', 'model'],
    ],
  },
]

/** Not among `KINDS`: faults, one of each, that `--kind control` has to find. */
export const PLANTED: FuzzKind = {
  name: 'control',
  weight: 1,
  files: ['text.txt'],
  targets: { 'text.txt': text },
  commands: ['hang', 'abort', 'memory', 'throw', 'escape', 'silence'].map((fault) => ['control', fault]),
}

function TRAIN(): string[] {
  const sizes = [
    '--sequence-length',
    '16',
    '--batch-size',
    '2',
    '--steps',
    '2',
    '--save-steps',
    '2',
    '--held-out-rows',
    '2',
    '--warmup-steps',
    '1',
    '--threads',
    '1',
    '--seed',
    '1',
  ]
  return ['train', 'base', 'text.txt', '--init', 'model', ...sizes, '-o', 'run']
}
