#!/usr/bin/env node
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommandLine } from '../dist/cli/run.js'

// oclif shows stack traces with DEBUG: they name the lines of the sources, in all modules that are loaded from here on.
if (process.env.DEBUG) process.setSourceMapsEnabled(true)

await runCommandLine({ root: dirname(dirname(fileURLToPath(import.meta.url))) }, process.argv.slice(2))
