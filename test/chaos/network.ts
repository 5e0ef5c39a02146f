/**
 * A network of its own for each node: namespaces, joined by a switch in one more namespace, with addresses out of the range
 * that is set aside for tests of networks (RFC 2544). What a node receives passes rules of nftables, which count what they hit.
 *
 * Names contain the id of this process, so that a later run can remove what one that was killed has left.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'

const PREFIX = 'dfs-chaos-'
const NAMESPACES = '/run/netns'
const TABLE = 'inet chaos'

export interface Drop {
  /** Packets on their way from here … */
  readonly from: string
  /** … to here … */
  readonly to: string
  /** … do not arrive, or are answered by a reset of their connection. */
  readonly how: 'drop' | 'reset'
  /** Percent of them; 100 by default. */
  readonly percent?: number
}

export class Network implements Disposable {
  readonly #nodes: readonly string[]
  readonly #subnet = `198.18.${process.pid % 250}`
  /** Interface names have 15 characters at most. */
  readonly #outside = `dfsc${process.pid % 10 ** 8}`

  private constructor(nodes: readonly string[]) {
    this.#nodes = nodes
  }

  /** Namespaces for these nodes, which can reach each other and be reached from here. */
  static create(nodes: readonly string[]): Network {
    const network = new Network(nodes)
    try {
      network.#build()
      return network
    } catch (error) {
      network[Symbol.dispose]()
      throw error
    }
  }

  namespaceOf(node: string): string {
    return `${PREFIX}${process.pid}-${node}`
  }

  addressOf(node: string): string {
    return `${this.#subnet}.${this.#nodes.indexOf(node) + 1}`
  }

  /** From now on exactly these packets are lost. */
  lose(drops: readonly Drop[]): void {
    for (const node of this.#nodes) {
      const rules = drops.filter(({ to }) => to === node).map((drop) => this.#ruleOf(drop))
      const chain = `chain received { type filter hook input priority 0; policy accept; ${rules.join('; ')}${rules.length > 0 ? ';' : ''} }`
      this.#nft(
        node,
        ['-f', '-'],
        `table ${TABLE} {}\ndelete table ${TABLE}\ntable ${TABLE} {\n${chain}\n}\n`,
      )
    }
  }

  heal(): void {
    this.lose([])
  }

  /** Packets that the present rules have hit, by the node that should have received them. */
  lostCounts(): ReadonlyMap<string, number> {
    return new Map(
      this.#nodes.map((node) => {
        const listed = this.#nft(node, ['list', 'table', ...TABLE.split(' ')])
        const hits = [...listed.matchAll(/counter packets (\d+)/g)].map(([, packets]) => Number(packets))
        return [node, hits.reduce((sum, packets) => sum + packets, 0)]
      }),
    )
  }

  /** Nothing may run in the namespaces any more. Idempotent. */
  [Symbol.dispose](): void {
    for (const name of namespacesOf(process.pid)) ip('netns', 'delete', name)
  }

  #build(): void {
    const hub = this.namespaceOf('switch')
    ip('netns', 'add', hub)
    ip('-n', hub, 'link', 'add', 'hub', 'type', 'bridge')
    ip('-n', hub, 'link', 'set', 'hub', 'up')
    for (const [index, node] of this.#nodes.entries()) {
      const namespace = this.namespaceOf(node)
      ip('netns', 'add', namespace)
      ip('-n', namespace, 'link', 'set', 'lo', 'up')
      ip(
        'link',
        'add',
        'net',
        'netns',
        namespace,
        'type',
        'veth',
        'peer',
        'name',
        `port${index}`,
        'netns',
        hub,
      )
      this.#plug(hub, `port${index}`)
      ip('-n', namespace, 'address', 'add', `${this.addressOf(node)}/24`, 'dev', 'net')
      ip('-n', namespace, 'link', 'set', 'net', 'up')
    }
    ip('link', 'add', this.#outside, 'type', 'veth', 'peer', 'name', 'outside', 'netns', hub)
    this.#plug(hub, 'outside')
    ip('address', 'add', `${this.#subnet}.254/24`, 'dev', this.#outside)
    ip('link', 'set', this.#outside, 'up')
    this.heal()
  }

  #plug(hub: string, port: string): void {
    ip('-n', hub, 'link', 'set', port, 'master', 'hub')
    ip('-n', hub, 'link', 'set', port, 'up')
  }

  #ruleOf({ from, how, percent = 100 }: Drop): string {
    const some = percent === 100 ? '' : `numgen random mod 100 < ${percent} `
    const verdict = how === 'drop' ? 'drop' : 'reject with tcp reset'
    return `ip saddr ${this.addressOf(from)} meta l4proto tcp ${some}counter ${verdict}`
  }

  #nft(node: string, operands: readonly string[], input = ''): string {
    return execFileSync('ip', ['netns', 'exec', this.namespaceOf(node), 'nft', ...operands], {
      input,
      encoding: 'utf8',
    })
  }
}

/** Removes the namespaces of processes that are gone; their interfaces go with them. */
export function removeLeftovers(): void {
  const pids = new Set(namespacesOf(null).map((name) => Number(name.slice(PREFIX.length).split('-')[0])))
  for (const pid of pids) {
    if (existsSync(`/proc/${pid}`)) continue
    for (const name of namespacesOf(pid)) ip('netns', 'delete', name)
  }
}

function namespacesOf(pid: number | null): string[] {
  const prefix = pid === null ? PREFIX : `${PREFIX}${pid}-`
  return existsSync(NAMESPACES) ? readdirSync(NAMESPACES).filter((name) => name.startsWith(prefix)) : []
}

function ip(...operands: readonly string[]): void {
  execFileSync('ip', operands, { stdio: ['ignore', 'ignore', 'inherit'] })
}
