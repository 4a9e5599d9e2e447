import { unsupportedSyntax } from './errors.js'

/** The filters of Jinja and of transformers that are done here. */
export const FILTER_NAMES: ReadonlySet<string> = new Set(
  (
    'abs attr capitalize count d default dictsort e escape first float forceescape format ' +
    'indent int items join last length list lower map max min reject rejectattr replace reverse round safe ' +
    'select selectattr sort string sum title tojson trim truncate unique upper wordcount'
  ).split(' '),
)

/** Filters that Jinja has besides, and no chat template needs. */
export const OTHER_FILTERS: ReadonlySet<string> = new Set(
  'batch center filesizeformat groupby pprint random slice striptags urlencode urlize wordwrap xmlattr'.split(
    ' ',
  ),
)

/** @throws JinjaError for a filter that Jinja has and this does not */
export function unsupportedFilter(name: string, line?: number): void {
  if (OTHER_FILTERS.has(name)) unsupportedSyntax(`the filter ${name}`, line)
}
