import { unsupported } from './errors.js'

/** The filters of Jinja and of transformers that are done here. */
export const FILTER_NAMES: ReadonlySet<string> = new Set(
  (
    'abs attr batch capitalize center count d default dictsort e escape filesizeformat first float forceescape format ' +
    'groupby indent int items join last length list lower map max min reject rejectattr replace reverse round safe ' +
    'select selectattr slice sort string sum title tojson trim truncate unique upper urlencode wordcount xmlattr'
  ).split(' '),
)

/** Filters that Jinja has besides. */
const OTHERS = ['pprint', 'random', 'striptags', 'urlize', 'wordwrap']

/** @throws JinjaError for a filter that Jinja has and this does not */
export function unsupportedFilter(name: string, line?: number): void {
  if (OTHERS.includes(name)) unsupported(`the filter ${name}`, line)
}
