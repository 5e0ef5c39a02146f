/**
 * People at work on every port while something happens: each writes file after file, every file once, and reads it back.
 * Every reply is one that docs/line-protocol.md allows, and at the end every write that was acknowledged must be there.
 */
import { type GatewayProcess, turnOfPolling } from './gateway-process.ts'
import { type LineClient } from './line-client.ts'

/** What may be answered instead of success while the cluster is in trouble. */
const TROUBLE = ['TIMEOUT_ERROR', 'STORAGE_ERROR', 'COPY_ERROR']

export class LineTraffic {
  readonly #gateway: GatewayProcess
  readonly #prefix: string
  readonly #acknowledged = new Map<string, string>()
  readonly #stopped = new AbortController()
  readonly #working: Promise<unknown>
  /** How often each reply came, without its data. */
  readonly replies = new Map<string, number>()
  slowestMs = 0
  readonly #rounds: number[]

  constructor(gateway: GatewayProcess, prefix: string) {
    this.#gateway = gateway
    this.#prefix = prefix
    this.#rounds = gateway.chunkPorts.map(() => 0)
    this.#working = Promise.all(gateway.chunkPorts.map((_, index) => this.#work(index)))
    // Whoever stops it hears of the failure; until then it must not end the test's process.
    this.#working.catch(() => {})
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size
  }

  /** Replies that were no success. */
  get troubles(): string[] {
    return [...this.replies.keys()].filter((reply) => TROUBLE.includes(reply))
  }

  /** Resolves when on every port a few more files were written, acknowledged and read. Rejects when the work failed. */
  async more(): Promise<void> {
    const goals = this.#rounds.map((count) => count + 3)
    while (this.#rounds.some((count, index) => count < goals[index]!)) {
      await Promise.race([turnOfPolling(), this.#working])
    }
  }

  /** Stops the work and reads every acknowledged write on every port; throws where one is missing or different. */
  async finish(): Promise<void> {
    this.#stopped.abort()
    await this.#working
    for (const index of this.#gateway.chunkPorts.keys()) {
      await using client = await this.#gateway.connect(index)
      for (const [name, content] of this.#acknowledged) {
        const reply = await client.ask(`READ_FILE:${name}`)
        if (reply !== `FILE_CONTENT:${content}`)
          throw new Error(`${name} was acknowledged and reads ${reply}`)
      }
    }
  }

  async #work(index: number): Promise<void> {
    await using client = await this.#gateway.connect(index)
    for (let count = 0; !this.#stopped.signal.aborted; count += 1) {
      const name = `${this.#prefix}-${index}-${count}`
      const content = `content of ${name}`
      if (!(await this.#ask(client, `CREATE_FILE:${name}`, 'FILE_CREATED'))) continue
      if (!(await this.#ask(client, `WRITE_FILE:${name}:${content}`, 'FILE_WRITTEN'))) continue
      this.#acknowledged.set(name, content)
      if (await this.#ask(client, `READ_FILE:${name}`, `FILE_CONTENT:${content}`)) this.#rounds[index]! += 1
    }
  }

  /** Whether the reply was `success`. Throws where it was none that is documented. */
  async #ask(client: LineClient, message: string, success: string): Promise<boolean> {
    const startMs = performance.now()
    const reply = await client.ask(message)
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs)
    if (reply !== success && !TROUBLE.includes(reply)) throw new Error(`${message} was answered ${reply}`)
    const token = reply.split(':')[0]!
    this.replies.set(token, (this.replies.get(token) ?? 0) + 1)
    return reply === success
  }
}
