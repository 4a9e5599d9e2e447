import { expect, test } from 'vitest'
import { extractionPage } from '../../src/extract/page.js'

test('a piece of the text has the names of all values that it is of', () => {
  const records = [{ value: { name: 'Ann Lee', first: 'Ann', last: 'Lee' }, spans: SPANS }]
  const page = extractionPage(
    'Title',
    [{ id: 'd', text: '😀 Ann Lee.', passed: {} }],
    [{ id: 'd', chunks: 1, records, passed: {} }],
  )
  const marks = [...page.matchAll(/<mark title="(.*?)">(.*?)<small>/g)].map(([, names, text]) => [
    text,
    names,
  ])
  expect(marks).toEqual([
    ['Ann', 'name, first'],
    [' ', 'name'],
    ['Lee', 'name, last'],
  ])
  expect(page.replace(/<small>.*?<\/small>|<\/?mark.*?>/g, '')).toContain('<pre>😀 Ann Lee.</pre>')
})

const SPANS: Record<string, [number, number]> = { '/name': [2, 9], '/first': [2, 5], '/last': [6, 9] }
