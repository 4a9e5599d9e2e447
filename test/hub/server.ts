import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What goes wrong with one request that a fault is tried on; it answers as usual where nothing is set. */
export interface Fault {
  status?: number
  headers?: Record<string, string>
  /** The connection breaks after this many bytes of the body. */
  dropAfter?: number
  /** Nothing more is sent after this many bytes of the body, and the connection stays. */
  stallAfter?: number
  /** Called when the answer has stalled. */
  onStall?: () => void
  /** One byte of the body is changed. */
  corrupt?: boolean
  /** The answer begins once this is settled. */
  until?: Promise<unknown>
  /** Answers in place of the hub. */
  answer?: (response: ServerResponse, request: IncomingMessage) => unknown
  /** Neither hash header is sent. */
  noEtag?: boolean
  /** The Range header is ignored. */
  noRange?: boolean
  /** The body of an API answer. */
  body?: string
}

export interface HubRequest {
  /** `api`, `resolve` (the hub itself) or `cdn` (where it redirects LFS files to). */
  readonly kind: 'api' | 'resolve' | 'cdn'
  readonly url: string
  readonly range: string | undefined
  readonly authorization: string | undefined
}

interface StoredFile {
  readonly content: Buffer
  /** Large files are stored in LFS: named by SHA-256 and served by another host. */
  readonly lfs: boolean
}

const sha1 = (content: Buffer) =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex')

/**
 * The part of the hub's HTTP API that pulling and Python's huggingface_hub use, on loopback: model information, tree
 * listing (in pages of three), and file resolution with the real hub's redirect of LFS files to a second origin.
 */
export class HubServer {
  readonly requests: HubRequest[] = []
  /** Asked for every request; the first answer that is not undefined applies. */
  fault: (request: HubRequest) => Fault | undefined = () => undefined
  /** Bytes of file content that were sent. */
  bytesServed = 0
  readonly #commits = new Map<string, Map<string, StoredFile>>()
  readonly #refs = new Map<string, string>()
  readonly #hub = this.#listen('hub')
  readonly #cdn = this.#listen('cdn')

  private constructor(readonly repo: string) {}

  static async start(repo: string): Promise<HubServer> {
    const server = new HubServer(repo)
    await Promise.all([server.#hub, server.#cdn].map((http) => once(http, 'listening')))
    return server
  }

  get endpoint(): string {
    return origin(this.#hub)
  }

  /** The origin that LFS files are redirected to. */
  get cdn(): string {
    return origin(this.#cdn)
  }

  async stop(): Promise<void> {
    for (const http of [this.#hub, this.#cdn]) {
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    }
  }

  /** Adds a commit and lets `revision` stand for it. Files over 1 kB are stored in LFS. */
  commit(files: Record<string, string | Buffer>, revision = 'main'): string {
    const commit = randomBytes(20).toString('hex')
    const stored = Object.entries(files).map(([path, data]): [string, StoredFile] => {
      const content = Buffer.from(data)
      return [path, { content, lfs: content.length > 1000 }]
    })
    this.#commits.set(commit, new Map(stored))
    this.#refs.set(revision, commit)
    return commit
  }

  /** Requests for one file, the redirect of LFS files included. */
  transfers(path: string): HubRequest[] {
    return this.requests.filter(({ url, kind }) => kind !== 'api' && url.split('?')[0].endsWith(`/${path}`))
  }

  #listen(host: 'hub' | 'cdn'): Server {
    return createServer((request, response) => {
      this.#answer(host, request, response).catch(() => response.destroy())
    }).listen(0, '127.0.0.1')
  }

  async #answer(host: 'hub' | 'cdn', request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url!
    const kind = host === 'cdn' ? 'cdn' : url.startsWith('/api/') ? 'api' : 'resolve'
    const { range, authorization } = request.headers
    const seen: HubRequest = { kind, url, range, authorization }
    this.requests.push(seen)
    const fault = this.fault(seen) ?? {}
    await fault.until
    if (fault.answer) return void (await fault.answer(response, request))
    if (fault.status) return void response.writeHead(fault.status, fault.headers).end()
    if (fault.body !== undefined) return void response.writeHead(200, fault.headers).end(fault.body)
    if (kind === 'api') return this.#api(new URL(url, this.endpoint), response)
    return this.#file(new URL(url, this.endpoint), request, response, kind, fault)
  }

  #api(url: URL, response: ServerResponse): void {
    const prefix = `/api/models/${this.repo}/`
    const known = url.pathname.startsWith(prefix)
    const [what, ...rest] = url.pathname.slice(prefix.length).split('/')
    const commit = known ? this.#resolve(decodeURIComponent(rest.join('/'))) : undefined
    if (commit === undefined) notFound(response, known ? 'RevisionNotFound' : 'RepoNotFound')
    else if (what === 'tree') this.#tree(commit, url, response)
    else this.#info(commit, response)
  }

  #info(commit: string, response: ServerResponse): void {
    const siblings = [...this.#commits.get(commit)!.keys()].map((rfilename) => ({ rfilename }))
    const info = { _id: '1', id: this.repo, sha: commit, private: false, siblings, tags: [] }
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(info))
  }

  #tree(commit: string, url: URL, response: ServerResponse): void {
    const entries = [...this.#commits.get(commit)!].map(([path, { content, lfs }]) => ({
      type: 'file',
      path,
      size: content.length,
      oid: sha1(content),
      ...(lfs && { lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } }),
    }))
    const from = Number(url.searchParams.get('cursor') ?? 0)
    if (from + 3 < entries.length) {
      url.searchParams.set('cursor', String(from + 3))
      response.setHeader('Link', `<${url.href}>; rel="next"`)
    }
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(entries.slice(from, from + 3)))
  }

  async #file(
    url: URL,
    request: IncomingMessage,
    response: ServerResponse,
    kind: HubRequest['kind'],
    fault: Fault,
  ): Promise<void> {
    const match = /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname)
    if (match?.[1] !== this.repo) return notFound(response, 'RepoNotFound')
    const commit = this.#resolve(decodeURIComponent(match[2]))
    const file = commit && this.#commits.get(commit)!.get(decodeURIComponent(match[3]))
    if (!commit || !file) return notFound(response, commit ? 'EntryNotFound' : 'RevisionNotFound')
    response.setHeader('X-Repo-Commit', commit)
    response.setHeader('Accept-Ranges', 'bytes')
    if (kind === 'resolve' && file.lfs) {
      if (!fault.noEtag) {
        response.setHeader('X-Linked-Etag', `"${sha256(file.content)}"`)
        response.setHeader('X-Linked-Size', file.content.length)
      }
      return void response.writeHead(302, { Location: `${this.cdn}${url.pathname}` }).end()
    }
    if (!fault.noEtag) response.setHeader('ETag', `"${file.lfs ? sha256(file.content) : sha1(file.content)}"`)
    await this.#send(file.content, request, response, fault)
  }

  async #send(
    whole: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault,
  ): Promise<void> {
    const range = fault.noRange ? null : /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
    const start = range ? Number(range[1]) : 0
    const content = Buffer.from(whole.subarray(start))
    if (fault.corrupt) content[content.length >> 1] ^= 1
    if (range) response.setHeader('Content-Range', `bytes ${start}-${whole.length - 1}/${whole.length}`)
    response.writeHead(range ? 206 : 200, { 'Content-Length': content.length })
    if (request.method === 'HEAD') return void response.end()
    const sent = content.subarray(0, fault.dropAfter ?? fault.stallAfter)
    this.bytesServed += sent.length
    if (sent.length === content.length) return void response.end(sent)
    await new Promise((resolve) => response.write(sent, resolve))
    // What was written arrives before the end of the connection, which comes without an error here.
    if (fault.stallAfter === undefined) response.socket!.destroySoon()
    else fault.onStall?.()
  }

  #resolve(revision: string): string | undefined {
    return this.#commits.has(revision) ? revision : this.#refs.get(revision)
  }
}

function notFound(response: ServerResponse, code: string): void {
  response.writeHead(404, { 'X-Error-Code': code }).end()
}

function origin(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
