/** The terminals of Lark's library `common`, as regular expressions of the languages that its documentation gives. */
export const COMMON: ReadonlyMap<string, string> = (() => {
  const int = '[0-9]+'
  const exponent = `[eE][+-]?${int}`
  const decimal = `(?:${int}\\.(?:${int})?|\\.${int})`
  const float = `(?:${int}${exponent}|${decimal}(?:${exponent})?)`
  const number = `(?:${float}|${int})`
  return new Map([
    ['DIGIT', '[0-9]'],
    ['HEXDIGIT', '[0-9a-fA-F]'],
    ['INT', int],
    ['SIGNED_INT', `[+-]?${int}`],
    ['DECIMAL', decimal],
    ['FLOAT', float],
    ['SIGNED_FLOAT', `[+-]?${float}`],
    ['NUMBER', number],
    ['SIGNED_NUMBER', `[+-]?${number}`],
    ['ESCAPED_STRING', '"(?:[^"\\\\\\n]|\\\\[^\\n])*"'],
    ['LCASE_LETTER', '[a-z]'],
    ['UCASE_LETTER', '[A-Z]'],
    ['LETTER', '[A-Za-z]'],
    ['WORD', '[A-Za-z]+'],
    ['CNAME', '[A-Za-z_][A-Za-z0-9_]*'],
    ['WS_INLINE', '[ \\t]+'],
    ['WS', '[ \\t\\f\\r\\n]+'],
    ['CR', '\\r'],
    ['LF', '\\n'],
    ['NEWLINE', '(?:\\r?\\n)+'],
    ['SH_COMMENT', '#[^\\n]*'],
    ['CPP_COMMENT', '\\/\\/[^\\n]*'],
    ['C_COMMENT', '\\/\\*(?:[^*]|\\*+[^*\\/])*\\*+\\/'],
    ['SQL_COMMENT', '--[^\\n]*'],
  ])
})()
