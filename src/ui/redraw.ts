type Output = Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>

/**
 * Whether ink's views can be drawn on a stream: on a terminal that has a size, and not where CI is set, since there ink shows the last
 * frame only.
 */
export function canRedraw({ isTTY, columns }: Output, env: NodeJS.ProcessEnv = process.env): boolean {
  return Boolean(isTTY && columns > 0 && !isCi(env))
}

/** As ink's own check: the variable is there, and neither 0 nor false. */
function isCi(env: NodeJS.ProcessEnv): boolean {
  return ['CI', 'CONTINUOUS_INTEGRATION'].some((name) => !['0', 'false', undefined].includes(env[name]))
}
