import { GenerateCommand } from '../../cli/generate/command.js'
import { generateArgs, generateFlags } from '../../cli/generate/flags.js'

export default class Generate extends GenerateCommand {
  static override summary = 'Generate text; the settings choose the strategy, as in HF generate().'
  static override examples = [
    "<%= config.bin %> <%= command.id %> -m HuggingFaceTB/SmolLM2-135M-Instruct 'What is a token?'",
    "<%= config.bin %> <%= command.id %> -m model.gguf --do-sample --temperature 0.7 --seed 1 'Tell me a story.'",
    '$ cat question.txt | <%= config.bin %> <%= command.id %> -m ./model --json --logprobs 5',
    "<%= config.bin %> <%= command.id %> -m ./model -- sample # a prompt that is also a strategy's name",
  ]
  static override args = generateArgs
  static override flags = generateFlags()
}
