import { describe, expect, test } from 'vitest'
import { parsePlan } from '../../src/compare/plan.js'
import { parseSpecification, requireDistinctNames, specificationOf } from '../../src/compare/specification.js'

describe('a specification', () => {
  test.each([
    ['greedy', { kind: 'greedy', settings: {}, own: {} }],
    ['beam:num_beams=4', { kind: 'beam', settings: { num_beams: 4 } }],
    [
      'beam:num_beams=4,early_stopping=never,length_penalty=0.5',
      { settings: { num_beams: 4, early_stopping: 'never', length_penalty: 0.5 } },
    ],
    [
      'sample:suppress_tokens=1,2,temperature=0.7',
      { settings: { suppress_tokens: [1, 2], temperature: 0.7 } },
    ],
    ['beam:force_words_ids=[[1,2],[3]]', { settings: { force_words_ids: [[1, 2], [3]] } }],
    ['greedy:stop_strings=a:b=c', { settings: { stop_strings: 'a:b=c' } }],
    ['medusa:heads=./h,nodes=8', { kind: 'medusa', settings: {}, own: { heads: './h', nodes: 8 } }],
    ['medusa:typical_acceptance=true', { own: { typical_acceptance: true } }],
    [
      'custom=./my.js:temperature=2',
      { kind: 'custom', own: { file: './my.js' }, settings: { temperature: 2 } },
    ],
    ['custom=C:/my.js', { kind: 'custom', own: { file: 'C:/my.js' } }],
    ['greedy:logit_bias=dog=-5,logit_bias=3=1', { settings: { logit_bias: ['dog=-5', '3=1'] } }],
    ['greedy:logit_bias={"a": 1, "b": false}', { settings: { logit_bias: '{"a": 1, "b": false}' } }],
    ['greedy:bad_words=["a","b=c"],bad_words=d', { settings: { bad_words: ['a', 'b=c', 'd'] } }],
    ['mtp:depth=3', { kind: 'mtp', own: { depth: 3 } }],
  ])('%s', (text, expected) => {
    expect(parseSpecification(text)).toMatchObject({ name: text, text, ...expected })
  })

  test('has its text as its name, or another', () => {
    expect(parseSpecification('beam:name=wide,num_beams=8')).toMatchObject({
      name: 'wide',
      text: 'beam:name=wide,num_beams=8',
      settings: { num_beams: 8 },
    })
  })

  test.each([
    ['', '"" is no strategy: write kind:field=value, such as beam:num_beams=4.'],
    ['beam:4', /^"beam:4" is no strategy/],
    [
      'beem:num_beams=4',
      /^"beem" in beem:num_beams=4 is no kind of strategy: give one of greedy, sample, beam, /,
    ],
    ['greedy=x', /^"greedy=x" is no strategy: .*only custom has =FILE/],
    [
      'beam:num_beam=4',
      'num_beam in beam:num_beam=4 is no field of beam: it has those of a GenerationConfig.',
    ],
    [
      'mtp:nodes=4',
      'nodes in mtp:nodes=4 is no field of mtp: it has modules, depth, lookup and those of a GenerationConfig.',
    ],
    ['beam:num_beams=x', 'num_beams in beam:num_beams=x cannot be "x": give a number.'],
    [
      'sample:top_k=5,seed=1,top_k=6',
      'top_k is there twice in sample:top_k=5,seed=1,top_k=6: leave one of them out.',
    ],
    ['greedy:name=a,name=b', /^name is there twice in greedy:name=a,name=b/],
    ['custom=a.js:file=b.js', /^file is there twice in custom=a.js:file=b.js/],
    ['greedy:logit_bias=dog', /^logit_bias in greedy:logit_bias=dog cannot be "dog": give an object/],
    ['greedy:bad_words=[', /^bad_words in greedy:bad_words=\[ is not valid JSON/],
    ['beam:num_beams=0', /^num_beams in beam:num_beams=0 cannot be 0: /],
    ['medusa:nodes=0', 'nodes in medusa:nodes=0 cannot be 0: give a whole number from 1 to 256.'],
    ['medusa:heads=', 'heads in medusa:heads= cannot be "": give a path.'],
    ['medusa:posterior_alpha=0.3', /^posterior_alpha .* has no effect without typical_acceptance=true\.$/],
    ['custom', 'custom names no module: write custom=FILE.js.'],
    ['early-exit', /^early-exit names no layer to exit from/],
  ])('%j is refused', (text, says) => {
    expect(() => parseSpecification(text)).toThrow(says)
  })

  test('from a file means the same', () => {
    const entry = { kind: 'beam', name: 'four', num_beams: 4, early_stopping: true }
    const { name, ...rest } = specificationOf(entry, 'plan')
    expect(name).toBe('four')
    const { name: text, ...written } = parseSpecification('beam:num_beams=4,early_stopping=true')
    expect(rest).toEqual(written)
    expect(specificationOf({ kind: 'custom', file: 'a.js', top_k: 3 }, 'plan').text).toBe(
      'custom=a.js:top_k=3',
    )
    expect(text).toBe(rest.text)
  })

  test('is the only one of its name', () => {
    const twice = ['greedy', 'beam', 'greedy'].map(parseSpecification)
    expect(() => requireDistinctNames(twice)).toThrow('two strategies with the name greedy')
    expect(() => requireDistinctNames(['greedy', 'greedy:name=other'].map(parseSpecification))).not.toThrow()
  })
})

/** Each level stands for nine of the one before. */
function bombOf(levels: number): string {
  const nine = (item: string) => `[${Array(9).fill(item).join()}]`
  return Array.from({ length: levels }, (_, i) => `a${i}: &a${i} ${nine(i === 0 ? 'x' : `*a${i - 1}`)}`).join(
    '\n',
  )
}

describe('a plan', () => {
  test('that is nested too deeply is refused', () => {
    expect(() => parsePlan('['.repeat(100_000), 'p.yaml')).toThrow(/^p\.yaml is not valid YAML: .+\.$/)
  })

  test('has prompts, settings, strategies and scorers', () => {
    const plan = parsePlan(
      [
        'prompts: prompts.jsonl',
        'settings: {max_new_tokens: 64}',
        'strategies:',
        '  - {kind: greedy, name: plain}',
        '  - kind: beam',
        '    num_beams: 4',
        '  - medusa:nodes=8',
        'scorers: [exact, "regex:/a/"]',
      ].join('\n'),
      'plan.yaml',
    )
    expect(plan).toMatchObject({
      prompts: 'prompts.jsonl',
      settings: { max_new_tokens: 64 },
      scorers: ['exact', 'regex:/a/'],
    })
    expect(plan.strategies.map(({ name, text }) => [name, text])).toEqual([
      ['plain', 'greedy'],
      ['beam:num_beams=4', 'beam:num_beams=4'],
      ['medusa:nodes=8', 'medusa:nodes=8'],
    ])
  })

  test.each([
    ['a: [', /^p\.yaml is not valid YAML: .+\.$/],
    ['strategies: &a [*a]', 'p.yaml is not valid YAML: its aliases lead in a circle.'],
    ['settings: &a {b: [{c: *a}]}', 'p.yaml is not valid YAML: its aliases lead in a circle.'],
    [bombOf(9), 'p.yaml is not valid YAML: its aliases stand for too much.'],
    [
      'settings: *a',
      'p.yaml is not valid YAML: Unresolved alias (the anchor must be set before the alias): a.',
    ],
    ['prompts: *a', /^p\.yaml is not valid YAML: .+\.$/],
    ['a: 1\n---\nb: 2', /^p\.yaml is not valid YAML: .+\.$/],
    ['just text', 'p.yaml holds no fields: it may have prompts, settings, strategies, scorers.'],
    ['strategys: []', /^strategys in p\.yaml is no field of a comparison/],
    ['strategies: greedy', 'strategies in p.yaml is "greedy": give a list.'],
    ['strategies: [3]', 'strategy 1 of p.yaml is 3: give a kind and its fields.'],
    ['strategies: [{num_beams: 4}]', /^strategy 1 of p\.yaml has no kind: give one of greedy, /],
    ['strategies: [{kind: beam, num_beams: four}]', /^num_beams in beam:num_beams=four cannot be "four": /],
    [
      'strategies: [{kind: medusa, nodes: many}]',
      /^nodes in medusa:nodes=many cannot be "many": give a whole number/,
    ],
    ['prompts: 3', 'prompts in p.yaml is 3: give the path of a file.'],
    ['scorers: [1]', 'scorers in p.yaml is [1]: give a list of texts.'],
  ])('%s is refused', (text, says) => {
    expect(() => parsePlan(text, 'p.yaml')).toThrow(says)
  })
})
