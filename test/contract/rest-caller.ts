/** Requests to the nodes of a cluster, real or fake, and what comes back: no client that puts anything right. */
import { request as httpRequest } from 'node:http'
import { text as textOf } from 'node:stream/consumers'

export interface RestNodes {
  readonly masterUrl: string
  readonly serverUrl: string
  end(): Promise<void>
}

export interface Asked {
  /** Of the master, not of a chunk server. */
  readonly isMaster?: boolean
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly json?: unknown
}

export interface RestReply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** What the text is as JSON; null where it is none. */
  readonly body: unknown
  readonly etag: string
  /** A member of the body. */
  at(name: string): unknown
  headersOf(...names: string[]): (string | null)[]
}

export class RestCaller {
  readonly #nodes: RestNodes

  constructor(nodes: RestNodes) {
    this.#nodes = nodes
  }

  /** Without following redirects, and with the target exactly as it is given. */
  async say(method: string, target: string, asked: Asked = {}): Promise<RestReply> {
    const { hostname, port } = new URL(
      asked.isMaster === true ? this.#nodes.masterUrl : this.#nodes.serverUrl,
    )
    const body = asked.json === undefined ? (asked.body ?? '') : JSON.stringify(asked.json)
    const type = asked.json === undefined ? {} : { 'content-type': 'application/json' }
    const length = method === 'GET' ? {} : { 'content-length': Buffer.byteLength(body) }
    const headers = { ...type, ...length, ...asked.headers }
    const { promise, resolve, reject } = Promise.withResolvers<RestReply>()
    const request = httpRequest({ hostname, port, method, path: target, headers }, (response) => {
      const head = new Headers(response.headers as Record<string, string>)
      textOf(response).then((text) => resolve(replyOf(response.statusCode ?? 0, head, text)), reject)
    })
    request.on('error', reject)
    request.end(method === 'GET' ? '' : body)
    return await promise
  }

  /** The status and the code of a refusal. */
  async refusal(method: string, target: string, asked?: Asked): Promise<string> {
    const reply = await this.say(method, target, asked)
    return `${reply.status} ${String(reply.at('code'))}`
  }
}

function replyOf(status: number, headers: Headers, text: string): RestReply {
  const isJson = /^application\/(problem\+)?json/.test(headers.get('content-type') ?? '')
  const body: unknown = isJson && text !== '' ? JSON.parse(text) : null
  return {
    status,
    headers,
    text,
    body,
    etag: headers.get('etag') ?? '',
    at: (name) => (body === null ? undefined : (body as Readonly<Record<string, unknown>>)[name]),
    headersOf: (...names) => names.map((name) => headers.get(name)),
  }
}
