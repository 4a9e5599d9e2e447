import { type GenerationResult, generate, type LanguageModel, loadModel } from '@llm-decode/llm'

const model: LanguageModel = await loadModel('built-in', { dtype: 'fp32' })
const result: GenerationResult = await generate(model, 'Once', { max_new_tokens: 8, seed: 2 }).result()
export const text: string = result.text
