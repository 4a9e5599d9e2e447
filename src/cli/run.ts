// What bin/run.js runs: the copy of oclif in the bundle, which the commands use as well.
export { execute } from '@oclif/core/execute'
