import { ACTIVATION_RULES } from './activation-rules.js'
import { ELEMENTWISE_RULES } from './elementwise-rules.js'
import { LAYOUT_RULES } from './layout-rules.js'
import { MATRIX_RULES } from './matrix-rules.js'
import type { GradientRule } from './tape.js'

/** The gradient of each operator that may lie between a parameter and a loss, by its name. */
export const RULES: Readonly<Record<string, GradientRule>> = {
  ...ELEMENTWISE_RULES,
  ...ACTIVATION_RULES,
  ...MATRIX_RULES,
  ...LAYOUT_RULES,
}
