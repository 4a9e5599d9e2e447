/** Flags and arguments, each with the names that other tools have for what it says: HF's and trl's scripts, llama.cpp, vLLM, OpenAI. */
export const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  adapter: 'lora lora-path peft peft-model adapter-path',
  'assistant-model': 'draft-model model-draft speculative-model',
  'batch-size': 'per-device-train-batch-size train-batch-size',
  device: 'n-gpu-layers gpu-layers gpu cuda device-map',
  dtype: 'torch-dtype outtype quantize quantization load-in-4bit load-in-8bit precision bf16 fp16',
  epochs: 'num-train-epochs num-epochs',
  'held-out': 'validation-file eval-file eval-dataset test-file',
  'learning-rate': 'lr',
  logprobs: 'n-probs top-logprobs',
  'lora-r': 'lora-rank rank',
  'lr-scheduler-type': 'lr-scheduler scheduler',
  'max-new-tokens': 'n n-predict predict num-predict max-completion-tokens max-output-tokens max-tokens',
  'micro-batch': 'gradient-accumulation-steps micro-batch-size',
  model: 'model-name-or-path model-name model-path base-model pretrained hf-repo',
  'num-assistant-tokens': 'draft draft-max num-speculative-tokens',
  'num-beams': 'beams beam-size beam-width',
  'num-return-sequences': 'num-samples',
  optimizer: 'optim',
  output: 'output-dir output-path out out-dir outfile save-dir',
  'prompt-file': 'f file',
  'repetition-penalty': 'repeat-penalty',
  resume: 'resume-from-checkpoint',
  'sequence-length':
    'max-length max-seq-length max-seq-len model-max-length block-size cutoff-len ctx-size n-ctx',
  steps: 'max-steps num-steps max-iters iters',
  'stop-strings': 'r reverse-prompt stop-sequences',
  system: 'system-prompt system-message sys',
  temperature: 'temp',
  'text-file': 'f file',
  threads: 't num-threads n-threads',
  tokens: 'n n-predict max-tokens max-new-tokens',
  'typical-p': 'typical',
  window: 'max-length max-seq-length ctx-size n-ctx',
  // Arguments.
  files: 'dataset dataset-name data data-path train-file train-files input f file',
  id: 'model',
  input: 'prompts f file',
  prompt: 'p prompt',
  prompts: 'input f file',
  text: 'p prompt',
}

/** Flags that a command may have instead of another tool's; nothing where the name is no other tool's. */
export function ownNames(foreign: string): string[] {
  return Object.keys(FOREIGN_NAMES).filter((own) => FOREIGN_NAMES[own].split(' ').includes(foreign))
}
