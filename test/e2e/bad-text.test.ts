import { join } from 'node:path'
import { fileWriter, isolateEnvironment, on, temporaryDirectory } from './cli.js'
import { testRefusals } from './refusal.js'
import { writeTextModel } from './text-model.js'

const home = temporaryDirectory()
const model = writeTextModel(join(home, 'model'))
const file = fileWriter(home)
const json = (value: unknown) => file(JSON.stringify(value))
const hello = (...args: string[]) => on(model, 'hello', ...args)

isolateEnvironment(home)

testRefusals('prompts, templates and files', [
  {
    name: 'an empty prompt',
    args: on(model, ''),
    code: 2,
    says: 'The prompt is empty: give it as an argument, with --prompt-file, or on stdin.',
  },
  {
    name: 'a prompt of white space',
    args: on(model, ' \n'),
    code: 2,
    says: /^The prompt is empty: /,
  },
  {
    name: 'an empty prompt file',
    args: on(model, '--prompt-file', file('\n')),
    code: 2,
    says: /^The prompt is empty: /,
  },
  {
    name: 'a prompt file that is not there',
    args: on(model, '--prompt-file', join(home, 'none.txt')),
    code: 1,
    says: /^\S+\/none\.txt cannot be read: there is no such file or directory\.$/,
  },
  {
    name: 'a prompt file that is a directory',
    args: on(model, '--prompt-file', home),
    code: 1,
    says: /^\S+ cannot be read: it is a directory\.$/,
  },
  {
    name: 'a prompt file that is not UTF-8',
    args: on(model, '--prompt-file', file(Buffer.from([0x68, 0xe9, 0x21]))),
    code: 2,
    says: /^\S+ is not valid UTF-8: convert it first\.$/,
  },
  {
    name: 'a prompt longer than the context',
    args: on(model, 'x'.repeat(200)),
    code: 2,
    says: "The prompt has 200 tokens, but the model's context ends at 128: shorten the prompt.",
  },
  {
    name: 'a prompt longer than --max-length',
    args: on(model, 'x'.repeat(20), '--max-length', '10'),
    code: 2,
    says: 'The prompt has 20 tokens, but max_length is 10: raise it, or set max_new_tokens.',
  },
  {
    name: 'a chat template that is no file',
    args: hello('--chat-template', 'none.jinja'),
    code: 2,
    says: 'The chat template "none.jinja" is neither a readable file nor a Jinja template.',
  },
  {
    name: 'an empty chat template',
    args: hello('--chat-template', ''),
    code: 2,
    says: 'The chat template "" is neither a readable file nor a Jinja template.',
  },
  {
    name: 'a chat template with a syntax error',
    args: hello('--chat-template', '{% for m in %}'),
    code: 1,
    says: 'The chat template is not valid Jinja in line 1: an expression is missing.',
  },
  {
    name: 'a chat template with a statement that is not understood',
    args: hello('--chat-template', 'a\n{% include "b" %}'),
    code: 1,
    says: 'The chat template uses {% include %}, which is not understood here (line 2).',
  },
  {
    name: 'a chat template that fails',
    args: hello('--chat-template', '{{ messages[0].content + 1 }}'),
    code: 1,
    says: 'The chat template fails in line 1: can only concatenate str (not "int") to str.',
  },
  {
    name: 'a chat template without an end',
    args: hello(
      '--chat-template',
      '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}',
    ),
    code: 1,
    says: 'The chat template is stopped in line 1: it takes more than 10,000,000 steps.',
  },
  {
    name: 'a chat template that says nothing',
    args: hello('--chat-template', '{# nothing #}'),
    code: 1,
    says: 'The chat template makes nothing of this conversation: give another one with --chat-template, or the prompt as it is with --raw.',
  },
  {
    name: 'a chat template that says space',
    args: hello('--chat-template', '{{ " \\n " }}'),
    code: 1,
    says: 'The chat template makes nothing of this conversation: give another one with --chat-template, or the prompt as it is with --raw.',
  },
  {
    name: 'a chat template that leaves the prompt out',
    args: hello('--chat-template', 'Answer{# nothing #}'),
    code: 1,
    says: 'The chat template leaves out message 1 (user): give another one with --chat-template, or the prompt as it is with --raw.',
  },
  {
    name: 'a chat template of a name that the model does not have',
    args: hello('--chat-template', 'rag'),
    code: 2,
    says: 'The chat template "rag" is neither a readable file nor a Jinja template: give one of these.',
  },
  {
    name: 'a chat template that raises',
    args: hello('--chat-template', '{{ raise_exception("No system message, please") }}'),
    code: 2,
    says: 'The chat template refuses this conversation: No system message, please',
  },
  {
    name: 'a config file that is not there',
    args: hello('--config', join(home, 'none.json')),
    code: 1,
    says: /^\S+\/none\.json cannot be read: there is no such file or directory\.$/,
  },
  {
    name: 'an empty name of a config file',
    args: hello('--config', ''),
    code: 1,
    says: /cannot be read: there is no such file/,
  },
  {
    name: 'a config file that is not JSON',
    args: hello('--config', file('temperature: 1')),
    code: 2,
    says: /^\S+ is not valid JSON: .+\.$/,
  },
  {
    name: 'a config file with an array',
    args: hello('--config', json([1])),
    code: 2,
    says: /^\S+ holds a list, where a JSON object is needed\.$/,
  },
  {
    name: 'a text too short for a watermark',
    command: 'watermark detect',
    args: ['-m', model, 'a'],
    code: 1,
    says: 'The text has 1 tokens, but this watermark needs more than 1 to be detected.',
  },
  {
    name: 'a z-score that is no number',
    command: 'watermark detect',
    args: ['-m', model, 'a text', '--z-threshold', 'high'],
    code: 2,
    says: '--z-threshold cannot be "high": give a number.',
  },
])
