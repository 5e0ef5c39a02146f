/**
 * Writers that go on while something is broken, and the account of what they were told. Afterwards every acknowledged file
 * must be there with its bytes, and a file whose write failed for certain must not be.
 */
import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { RequestError, type DfsClient } from '@dfs/client'
import { ERRORS } from '@dfs/protocol'
import { until } from './until.ts'

const WRITERS = 4
const FILE_BYTES_MAX = 40_000

export interface Account {
  readonly acknowledged: readonly string[]
  /** Writes that failed, with nothing done. */
  readonly refused: ReadonlyMap<string, RequestError>
  /** Writes that may have been made. */
  readonly unknown: readonly string[]
}

export class Traffic {
  readonly #client: DfsClient
  readonly #directory: string
  readonly #acknowledged: string[] = []
  readonly #refused = new Map<string, RequestError>()
  readonly #unknown: string[] = []
  readonly #writers: Promise<void>[]
  #isStopping = false

  constructor(client: DfsClient, directory: string) {
    this.#client = client
    this.#directory = directory
    this.#writers = Array.from({ length: WRITERS }, (_, writer) => this.#write(writer))
  }

  /** Resolves when `count` more writes than now were acknowledged. */
  async goesOn(count = 20): Promise<void> {
    const goal = this.#acknowledged.length + count
    await until(`${count} more writes`, async () => this.#acknowledged.length >= goal)
  }

  /** No new writes; resolves when those under way have ended. */
  async stop(): Promise<Account> {
    this.#isStopping = true
    await Promise.all(this.#writers)
    return { acknowledged: this.#acknowledged, refused: this.#refused, unknown: this.#unknown }
  }

  async #write(writer: number): Promise<void> {
    for (let number = 0; !this.#isStopping; number += 1) {
      const path = `${this.#directory}/${writer}/${number}`
      try {
        await this.#client.put(path, contentOf(path))
        this.#acknowledged.push(path)
      } catch (error) {
        if (!(error instanceof RequestError)) throw error
        if (ERRORS[error.code].retry === 'same-id') this.#unknown.push(path)
        else this.#refused.set(path, error)
      }
    }
  }
}

/**
 * Reads everything back: what was promised must be there, what was refused must not, what is unknown must be whole or
 * absent. Resolves to a line for each file that is not as it must be.
 */
export async function wrongFiles(client: DfsClient, account: Account): Promise<string[]> {
  const wrong: string[] = []
  const check = async (path: string, allowed: readonly (string | null)[]): Promise<void> => {
    const found = await digestAt(client, path)
    const expected = found === null ? null : digestOf(contentOf(path))
    if (found !== expected || !allowed.includes(found)) wrong.push(`${path}: ${found ?? 'absent'}`)
  }
  for (const path of account.acknowledged) await check(path, [digestOf(contentOf(path))])
  for (const path of account.refused.keys()) await check(path, [null])
  for (const path of account.unknown) await check(path, [digestOf(contentOf(path)), null])
  return wrong
}

/** Bytes that only this path has. */
function contentOf(path: string): Uint8Array {
  const seed = createHash('sha256').update(path).digest()
  const bytes = seed.readUInt32LE(0) % FILE_BYTES_MAX
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / seed.length) + 1 }, () => seed)).subarray(
    0,
    bytes,
  )
}

const digestOf = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

async function digestAt(client: DfsClient, path: string): Promise<string | null> {
  try {
    const { body } = await client.get(path)
    return digestOf(await buffer(body))
  } catch (error) {
    if (error instanceof RequestError && error.code === 'FILE_NOT_FOUND') return null
    throw error
  }
}
