/**
 * What the page can do beyond being read, in plain JavaScript that browsers run as it stands: sort tables by their
 * headings, filter by words and by strategy, and change between light and dark.
 */
export const SCRIPT = `
const all = (selector, root = document) => [...root.querySelectorAll(selector)]
document.documentElement.classList.add('scripted')

// Light or dark: the system's, until the reader chooses.
const theme = document.getElementById('theme')
const root = document.documentElement
const systemIsDark = matchMedia('(prefers-color-scheme: dark)')
const isDark = () => root.style.colorScheme ? root.style.colorScheme === 'dark' : systemIsDark.matches
const nameTheme = () => { theme.textContent = isDark() ? 'Light theme' : 'Dark theme' }
theme.addEventListener('click', () => { root.style.colorScheme = isDark() ? 'light' : 'dark'; nameTheme() })
systemIsDark.addEventListener('change', nameTheme)
nameTheme()

// A heading is a button that sorts by its column, downwards first for numbers. What has no value comes last.
function valueOf(row, column, numeric) {
  const value = row.cells[column].dataset.value
  return numeric && value !== undefined ? Number(value) : value
}
function sort(table, heading, column) {
  const numeric = heading.classList.contains('number')
  const first = numeric ? 'descending' : 'ascending'
  const order = heading.getAttribute('aria-sort') !== first ? first : numeric ? 'ascending' : 'descending'
  for (const other of all('thead th', table)) other.removeAttribute('aria-sort')
  heading.setAttribute('aria-sort', order)
  const sign = order === 'ascending' ? 1 : -1
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [x, y] = [valueOf(a, column, numeric), valueOf(b, column, numeric)]
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined)
    return sign * (numeric ? x - y : x.localeCompare(y, 'en', { numeric: true }))
  })
  table.tBodies[0].append(...rows)
}
for (const table of all('table[data-sortable]')) {
  all('thead th', table).forEach((heading, column) => {
    const button = document.createElement('button')
    button.append(...heading.childNodes)
    heading.append(button)
    button.addEventListener('click', () => sort(table, heading, column))
  })
}

// A strategy that is not ticked is hidden everywhere; an item stays if it has all words of its filter.
function update() {
  const shown = new Set(all('[data-choice]').filter((box) => box.checked).map((box) => box.dataset.choice))
  for (const part of all('[data-strategy]')) {
    part.toggleAttribute('hidden', !part.dataset.strategy.split(' ').some((one) => shown.has(one)))
  }
  for (const field of all('[data-filter]')) filter(field)
}
function filter(field) {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean)
  const items = all('[data-item]', document.getElementById(field.dataset.filter))
  for (const item of items) {
    const text = item.textContent.toLowerCase()
    if (!item.dataset.strategy) item.hidden = false
    if (!words.every((word) => text.includes(word))) item.hidden = true
  }
  const left = items.filter((item) => !item.hidden).length
  field.closest('.filter').querySelector('output').textContent = words.length ? left + ' of ' + items.length : ''
}
for (const box of all('[data-choice], [data-filter]')) box.addEventListener('input', update)
`
