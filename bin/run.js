#!/usr/bin/env node
import { execute } from '../dist/cli/run.js'

// oclif shows stack traces with DEBUG: they name the lines of the sources, in all modules that are loaded from here on.
if (process.env.DEBUG) process.setSourceMapsEnabled(true)

await execute({ dir: import.meta.url })
