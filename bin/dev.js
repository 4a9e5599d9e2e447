#!/usr/bin/env -S node --import tsx
// Runs the commands from their TypeScript sources: no build needed while developing.
import { execute } from '@oclif/core'

await execute({ development: true, dir: import.meta.url })
