import { generate, loadModel } from '@llm-decode/llm'

const model = await loadModel('built-in')
const { text } = await generate(model, 'Once upon a time', { max_new_tokens: 8, seed: 2 }).result()
await model.dispose()
console.log(text)
