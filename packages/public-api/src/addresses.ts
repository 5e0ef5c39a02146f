/**
 * Names under which the cluster is reached. A node knows ports and, if they were configured, advertised URLs; by which
 * name a caller reaches the machines only the caller knows, and its `Host` field says so. One kind of name says more: a
 * caller that uses the name by which the nodes know each other is on their network, and is told their names there (the
 * gateway and tools in containers; docs/adr/0007). What is allowed as a `Host`: the names of this machine itself, any IP
 * literal (a page that rebinds a name to our address still sends the name), the names of the nodes among themselves, the
 * advertised names, and those that were configured.
 */
import { DfsError } from '@dfs/protocol'
import { isIP } from 'node:net'

/** Where the public listener of one node is found. */
export interface PublicEndpoint {
  readonly publicPort: number
  /** An absolute URL without a path, or null: then it is the caller's own name for us, with the port above. */
  readonly advertisedUrl: string | null
  /** `host:port` where the other nodes reach the node; its public listener is at the same host for who is on their network. */
  readonly internalAddress?: string
}

/** All public listeners as they are known now, the node's own and the master's included. Called often: keep it cheap. */
export type Endpoints = () => readonly PublicEndpoint[]

const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]']
const REMEMBERED_HOSTS_MAX = 64
const HOST = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::(\d{1,5}))?$/

export class Addresses {
  readonly #endpoints: Endpoints
  readonly #names: ReadonlySet<string>
  /** Host fields that are allowed whatever the endpoints are; clients send the same few over and over. */
  readonly #remembered = new Map<string, string>()

  constructor(endpoints: Endpoints, allowedHosts: readonly string[]) {
    this.#endpoints = endpoints
    this.#names = new Set([...LOCAL_NAMES, ...allowedHosts.map((name) => name.toLowerCase())])
  }

  /** The host name in a `Host` field, without its port. Throws INVALID_REQUEST or FOREIGN_HOST. */
  checkHost(field: string): string {
    const known = this.#remembered.get(field)
    if (known !== undefined) return known
    const match = HOST.exec(field)
    if (match === null) throw new DfsError('INVALID_REQUEST', 'the Host field is malformed')
    const name = (match[1] ?? '').toLowerCase()
    if (this.#names.has(name) || isAddress(name)) {
      if (this.#remembered.size < REMEMBERED_HOSTS_MAX) this.#remembered.set(field, name)
      return name
    }
    for (const endpoint of this.#endpoints()) {
      if (advertisedHost(endpoint) === name || internalHost(endpoint) === name) return name
    }
    throw new DfsError('FOREIGN_HOST', `${name} is not a name of this service`)
  }

  /** `http://name:port`, where a caller that knows this node as `hostName` reaches `endpoint`. */
  originOf(endpoint: PublicEndpoint, hostName: string): string {
    const { advertisedUrl, publicPort } = endpoint
    const inside = internalHost(endpoint)
    if (inside !== null && this.#isOnNodesNetwork(hostName)) return httpOrigin(inside, publicPort)
    if (advertisedUrl !== null) return URL.parse(advertisedUrl)?.origin ?? advertisedUrl
    return httpOrigin(hostName, publicPort)
  }

  /** Origins of all nodes, each once, for a caller that knows this node as `hostName`. */
  ownOrigins(hostName: string): string[] {
    return [...new Set(this.#endpoints().map((endpoint) => this.originOf(endpoint, hostName)))]
  }

  /** Whether a web page of `origin` belongs to the cluster, for a caller that knows this node as `hostName`. */
  isOwnOrigin(origin: string, hostName: string): boolean {
    return this.#endpoints().some((endpoint) => this.originOf(endpoint, hostName) === origin)
  }

  /**
   * Loopback tells nothing of a network: a proxy on the same machine may have put it there. Neither does a name that is
   * advertised as well.
   */
  #isOnNodesNetwork(hostName: string): boolean {
    if (LOCAL_NAMES.includes(hostName)) return false
    const endpoints = this.#endpoints()
    return (
      endpoints.some((endpoint) => internalHost(endpoint) === hostName) &&
      !endpoints.some((endpoint) => advertisedHost(endpoint) === hostName)
    )
  }
}

const httpOrigin = (name: string, port: number): string =>
  port === 80 ? `http://${name}` : `http://${name}:${port}`

const advertisedHost = ({ advertisedUrl }: PublicEndpoint): string | null =>
  advertisedUrl === null ? null : (URL.parse(advertisedUrl)?.hostname ?? null)

const internalHost = ({ internalAddress }: PublicEndpoint): string | null =>
  internalAddress === undefined
    ? null
    : internalAddress.slice(0, internalAddress.lastIndexOf(':')).toLowerCase()

const isAddress = (name: string): boolean => isIP(name.startsWith('[') ? name.slice(1, -1) : name) !== 0
