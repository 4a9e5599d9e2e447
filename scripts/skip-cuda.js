/**
 * Keeps the installation of onnxruntime-node from downloading CUDA's provider (large, and not from npm's registry) unless it is
 * asked for: `ONNXRUNTIME_NODE_INSTALL=cuda12`. npm runs the `preinstall` of all packages before any package's `postinstall`; where it
 * runs no scripts, nothing is downloaded either. CPU and WebGPU come with the package.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const MARK = '// Changed by skip-cuda.js: downloads what it is asked for, and nothing otherwise.'
const asked = `Object.keys(process.env).some((name) => /^(npm_config_)?onnxruntime_node_install/i.test(name))`

/** The script, or undefined where the package is not there yet: in a clone npm may ask too early. */
function installScript() {
  try {
    return createRequire(import.meta.url).resolve('onnxruntime-node/script/install.js')
  } catch {
    return undefined
  }
}

const path = installScript()
const text = path === undefined ? MARK : readFileSync(path, 'utf8')
if (!text.includes(MARK)) {
  // A new file in its place: some package managers link one file into many projects.
  writeFileSync(`${path}.new`, `${MARK}\nif (!${asked}) process.exit(0)\n${text}`)
  renameSync(`${path}.new`, path)
}
