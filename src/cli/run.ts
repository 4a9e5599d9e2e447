import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Config, Errors, flush, type Interfaces, run as runOclif } from '@oclif/core'
import { tell } from '../ui/printable.js'
import { commandOf } from './command-line.js'
import { failureOf } from './failure.js'

/**
 * What bin/run.js runs: a command line, to its end. What fails before a command does, or in a command of a plugin, is told as one sentence,
 * too.
 * @param source where package.json lies, and for bin/dev.js the commands' sources. Nobody can install plugins, so that
 * the user's directory is not searched for them.
 */
export async function runCommandLine(source: Interfaces.Options, argv: string[]): Promise<void> {
  try {
    const config = await Config.load({ ...source, userPlugins: false })
    const { id, words } = commandOf(argv, config)
    if (id === undefined) await runOclif(words, config)
    else {
      await config.runHook('init', { id, argv: words })
      await config.runCommand(id, words)
    }
    if (id === 'autocomplete') await completeFileNames(config)
    await flush()
  } catch (error) {
    const { message, exitCode } = failureOf(error as Error)
    if (!(error instanceof Errors.ExitError)) tell(`Error: ${message}`)
    process.exit(exitCode)
  }
}

/** The plugin's function for bash proposes nothing for a file's name, and keeps bash from doing so. */
async function completeFileNames({ cacheDir, bin }: Config): Promise<void> {
  const path = join(cacheDir, 'autocomplete', 'functions', 'bash', `${bin}.bash`)
  const script = await readFile(path, 'utf8').catch(() => undefined)
  if (script) await writeFile(path, script.replaceAll(/^complete -F /gm, 'complete -o default -F '))
}
