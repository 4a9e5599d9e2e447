// Loaded into every process of an installation (NODE_OPTIONS): hosts other than npm's registry and a proxy are not found, and noted.
const { appendFileSync } = require('node:fs')
const dns = require('node:dns')

const { ALLOWED_HOSTS = '', OTHER_HOSTS } = process.env
const allowed = new Set(['localhost', '127.0.0.1', '::1', ...ALLOWED_HOSTS.split(' ')])
const lookup = dns.lookup
dns.lookup = function (host, ...rest) {
  if (allowed.has(host)) return lookup.call(this, host, ...rest)
  appendFileSync(OTHER_HOSTS, `${host}\n`)
  const error = Object.assign(new Error(`${host} is not npm's registry`), {
    code: 'ENOTFOUND',
    hostname: host,
  })
  process.nextTick(rest.at(-1), error)
}
