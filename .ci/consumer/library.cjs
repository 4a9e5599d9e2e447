const { generate, loadModel } = require('@llm-decode/llm')

async function main() {
  const model = await loadModel('built-in')
  const { text } = await generate(model, 'Once upon a time', { max_new_tokens: 8, seed: 2 }).result()
  await model.dispose()
  console.log(text)
}

main()
