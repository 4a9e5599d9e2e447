import type { SchemaContext } from '../context.js'
import { type Formula, TRUE } from '../formulas.js'
import { containsKeyword, itemCounts, items, uniqueItems } from './arrays.js'
import { allOf, anyOfKeyword, conditional, exactlyOneOf, not, references } from './logic.js'
import { counts, dependencies, members, propertyNames } from './objects.js'
import { constant, enumeration, numericKeywords, strings, type } from './scalars.js'
import { unevaluatedItems, unevaluatedProperties } from './unevaluated.js'

/** A keyword's meaning as a formula. Keywords that share one are read together. */
interface Rule {
  readonly apply?: (context: SchemaContext) => Formula
  /** Read after all others, whose evaluations it needs. */
  readonly last?: (context: SchemaContext) => Formula
  /** Whether it belongs to the vocabulary of assertions. */
  readonly isAssertion?: boolean
}

const assertion = (apply: Rule['apply']): Rule => ({ apply, isAssertion: true })
const rules = (names: readonly string[], rule: Rule) => Object.fromEntries(names.map((name) => [name, rule]))

/** All keywords that change what is valid; those without a meaning of their own belong to others or to references. */
export const KEYWORDS: Readonly<Record<string, Rule>> = {
  ...rules(['type'], assertion(type)),
  ...rules(['const'], assertion(constant)),
  ...rules(['enum'], assertion(enumeration)),
  ...rules(
    ['multipleOf', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
    assertion(numericKeywords),
  ),
  ...rules(['minLength', 'maxLength', 'pattern', 'format', 'substringOf'], assertion(strings)),
  ...rules(['properties', 'patternProperties', 'additionalProperties'], { apply: members }),
  ...rules(['required', 'minProperties', 'maxProperties'], assertion(counts)),
  ...rules(['propertyNames'], { apply: propertyNames }),
  ...rules(['dependentRequired', 'dependentSchemas', 'dependencies'], { apply: dependencies }),
  ...rules(['items', 'prefixItems', 'additionalItems'], { apply: items }),
  ...rules(['minItems', 'maxItems'], assertion(itemCounts)),
  ...rules(['contains'], { apply: containsKeyword }),
  ...rules(['uniqueItems'], assertion(uniqueItems)),
  ...rules(['$ref', '$dynamicRef', '$recursiveRef'], { apply: references }),
  ...rules(['allOf'], { apply: allOf }),
  ...rules(['anyOf'], { apply: anyOfKeyword }),
  ...rules(['oneOf'], { apply: exactlyOneOf }),
  ...rules(['not'], { apply: not }),
  ...rules(['if'], { apply: conditional }),
  ...rules(['unevaluatedProperties'], { apply: () => TRUE, last: unevaluatedProperties }),
  ...rules(['unevaluatedItems'], { apply: () => TRUE, last: unevaluatedItems }),
  ...rules(['then', 'else', 'minContains', 'maxContains'], {}),
  ...rules(['$id', 'id', '$schema', '$anchor', '$dynamicAnchor', '$recursiveAnchor', '$vocabulary'], {}),
  ...rules(['$defs', 'definitions'], {}),
}

/** Keywords that say nothing of what is valid. */
export const ANNOTATIONS: ReadonlySet<string> = new Set([
  ...[
    'title',
    'description',
    'default',
    'examples',
    'example',
    'deprecated',
    'readOnly',
    'writeOnly',
    '$comment',
  ],
  ...[
    'contentEncoding',
    'contentMediaType',
    'contentSchema',
    'nullable',
    'discriminator',
    'xml',
    'externalDocs',
  ],
  ...['name', 'version', 'label', 'value', 'enumNames', 'order', 'group', 'unit', 'units', 'links', 'media'],
])
