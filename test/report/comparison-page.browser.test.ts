import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import axe from 'axe-core'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { comparisonPage } from '../../src/report/comparison-page.js'
import { makeComparison } from './comparison.js'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']

/** The browser that $CHROMIUM or the PATH leads to. */
function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)))
  return [...(process.env.CHROMIUM ? [process.env.CHROMIUM] : []), ...found].find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

const chromium = findChromium()
if (!chromium) {
  console.log(
    `The page is not tried in a browser: $CHROMIUM is not set, and none of ${NAMES.join(', ')} is on the PATH.`,
  )
}

const nasty =
  '</script><script>document.title = "taken"</script><img src="http://localhost:1/x.png"> & "\u202eא" 👩‍🚀'
const one = makeComparison({ texts: { greedy: nasty, sample: `${nasty} and more` } })
const slower = makeComparison({ seed: 2, created: '2026-11-26T10:00:00.000Z', speeds: { medusa: 0.8 } })
const pages = { one: [one], two: [one, slower] }

describe.skipIf(!chromium)('in a browser, from disk', () => {
  const directory = mkdtempSync(join(tmpdir(), 'page-'))
  const urls = Object.keys(pages).map((name) => pathToFileURL(join(directory, `${name}.html`)).href)
  const [oneUrl] = urls
  let browser: Browser
  let page: Page
  /** What went wrong, and what was asked for beside the page. */
  let complaints: string[]

  beforeAll(async () => {
    for (const [name, comparisons] of Object.entries(pages)) {
      writeFileSync(join(directory, `${name}.html`), comparisonPage(comparisons))
    }
    browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox'] })
  })

  afterAll(async () => {
    await browser?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  beforeEach(async () => {
    complaints = []
    page = await browser.newPage()
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('request', (request) => {
      if (!urls.includes(request.url()) && !request.url().startsWith('data:')) complaints.push(request.url())
    })
  })

  afterEach(async () => {
    await page.close()
    expect(complaints).toEqual([])
  })

  const open = async (url: string, { width = 1280, scheme = 'light' } = {}) => {
    await page.setViewport({ width, height: 800 })
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
    await page.goto(url)
  }
  /** The value of an expression in the page. */
  const read = async <T>(expression: string) => (await page.evaluate(expression)) as T
  /** Texts of the shown rows' cells in a column. */
  const column = (table: string, index: number) =>
    read<string[]>(
      `[...document.querySelectorAll('#${table} tbody tr')].filter((row) => row.checkVisibility()).map((row) => row.cells[${index}].textContent)`,
    )
  const press = (selector: string) => read(`document.querySelector(${JSON.stringify(selector)}).click()`)
  const type = (selector: string, value: string) =>
    read(
      `(() => { const field = document.querySelector(${JSON.stringify(selector)}); field.value = ${JSON.stringify(value)}; field.dispatchEvent(new Event('input')) })()`,
    )

  test.each([
    [0, 'light', 1280],
    [0, 'dark', 1280],
    [1, 'light', 375],
    [1, 'dark', 1280],
  ])(
    'axe finds nothing in page %i, %s, %i pixels wide',
    async (index, scheme, width) => {
      await open(urls[index], { scheme, width })
      await page.evaluate(axe.source)
      const { violations, passes } = await read<axe.AxeResults>('axe.run()')
      expect(
        violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).slice(0, 3)}`),
      ).toEqual([])
      expect(passes.map(({ id }) => id)).toContain('color-contrast')
    },
    120_000,
  )

  test('shows texts as they are, and runs nothing of them', async () => {
    await open(oneUrl)
    expect(await read('document.querySelector(".card .text").textContent')).toBe(nasty)
    expect(await page.title()).toContain('SmolLM2')
    expect(await read('JSON.parse(document.getElementById("data").textContent)')).toEqual([one])
  })

  test.each([320, 375, 768, 1280])('does not scroll sideways at %i pixels', async (width) => {
    for (const url of urls) {
      await open(url, { width })
      expect(await read('document.documentElement.scrollWidth')).toBe(width)
    }
  })

  test('scrolls wide tables within their place', async () => {
    await open(oneUrl, { width: 375 })
    const place = 'document.querySelector("#speed-table").parentElement'
    expect(await read(`${place}.scrollWidth > ${place}.clientWidth`)).toBe(true)
    expect(await read(`${place}.getBoundingClientRect().right <= innerWidth`)).toBe(true)
  })

  test('sorts by a heading, both ways, by keyboard too', async () => {
    await open(oneUrl)
    const speeds = async () => (await column('speed-table', 1)).map(Number)
    const before = await speeds()
    const sorted = before.toSorted((a, b) => a - b)
    expect(before).not.toEqual(sorted)
    await press('#speed-table thead th:nth-child(2) button')
    expect(await speeds()).toEqual(sorted.toReversed())
    await page.focus('#speed-table thead th:nth-child(2) button')
    await page.keyboard.press('Enter')
    expect(await speeds()).toEqual(sorted)
    expect(await read('document.querySelector("#speed-table [aria-sort]").ariaSort')).toBe('ascending')
    await press('#speed-table thead th:nth-child(1) button')
    const names = await column('speed-table', 0)
    expect(names).toEqual(names.toSorted())
    expect(await read('document.querySelectorAll("#speed-table [aria-sort]").length')).toBe(1)
  })

  test('filters by words', async () => {
    await open(oneUrl)
    await type('[data-filter=outputs-table]', 'P3 medusa')
    expect(await column('outputs-table', 0)).toEqual(['p3'])
    expect(await read('document.querySelector("#outputs-table").closest(".part").textContent')).toContain(
      '1 of 48',
    )
    await type('[data-filter=outputs-table]', '')
    expect(await column('outputs-table', 0)).toHaveLength(48)
    await type('[data-filter=texts]', 'binary search')
    expect(
      await read('[...document.querySelectorAll("article")].filter((one) => one.checkVisibility()).length'),
    ).toBe(1)
  })

  test('hides a strategy everywhere that is not ticked, and keeps the filter', async () => {
    await open(oneUrl)
    await type('[data-filter=outputs-table]', 'p3')
    expect(await column('outputs-table', 0)).toHaveLength(6)
    await press('[data-choice="1"]')
    expect(await column('outputs-table', 0)).toHaveLength(5)
    expect(await column('speed-table', 0)).not.toContain('sample')
    const left = `[...document.querySelectorAll('[data-strategy]')].filter((part) => part.getClientRects().length > 0)`
    expect(await read(`${left}.some((part) => part.dataset.strategy === '1')`)).toBe(false)
    expect(await read(`${left}.some((part) => part.closest('svg'))`)).toBe(true)
    await press('[data-choice="1"]')
    expect(await column('outputs-table', 0)).toHaveLength(6)
  })

  test.each(['light', 'dark'])('begins as the system is, %s, and changes', async (scheme) => {
    await open(oneUrl, { scheme })
    const ground = () => read<string>('getComputedStyle(document.body).backgroundColor')
    const first = await ground()
    expect(first === 'rgb(255, 255, 255)').toBe(scheme === 'light')
    await press('#theme')
    expect(await ground()).not.toBe(first)
    await press('#theme')
    expect(await ground()).toBe(first)
  })

  test('can be read without its script', async () => {
    await page.setJavaScriptEnabled(false)
    await open(oneUrl)
    const seen = await page.$$eval('article, table, figure, figure svg', (all) => all.length)
    expect(seen).toBeGreaterThan(20)
    const controls = await page.$$('.scripted')
    expect(controls.length).toBeGreaterThan(0)
    for (const control of controls) expect(await control.isVisible()).toBe(false)
  })

  test('prints on white in all its width', async () => {
    await open(oneUrl, { scheme: 'dark', width: 680 })
    await page.emulateMediaType('print')
    expect(await read('document.documentElement.scrollWidth')).toBe(680)
    expect(await read('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)')
    const cut = `[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > innerWidth).length`
    expect(await read(cut)).toBe(0)
  })
})
