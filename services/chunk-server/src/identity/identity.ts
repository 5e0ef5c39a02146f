/**
 * Who this server is: bound to its data directory, written durably before anything depends on it. The incarnation is
 * raised at each start, so what an earlier process of the same server began can be told from what this one does.
 */
import { type Random } from '@dfs/core'
import { checkEpoch, DfsError, type Epoch } from '@dfs/protocol'
import { isNewer, newest, type StoredIdentity } from '@dfs/volume'
import { type IdentityFilesDeps, loadIdentity, saveIdentity } from './identity-files.ts'

/** The lower part of an incarnation is random; the upper part counts the starts. */
const RANDOM_RANGE = 2 ** 20

export class ServerIdentity {
  readonly #files: IdentityFilesDeps
  #durable: StoredIdentity
  #seen: Epoch | null
  #writing: Promise<void> = Promise.resolve()

  private constructor(files: IdentityFilesDeps, identity: StoredIdentity) {
    this.#files = files
    this.#durable = identity
    this.#seen = identity.seenEpoch
  }

  /** Reads the identity, or makes one in an empty directory, and raises the incarnation. Durable when it resolves. */
  static async open(files: IdentityFilesDeps, random: Random): Promise<ServerIdentity> {
    const found = await loadIdentity(files)
    const diskUid = found?.diskUid ?? hex(random.bytes(16))
    const incarnation = nextIncarnation(found?.incarnation ?? 0, random)
    const unbound = { clusterId: null, serverId: null, seenEpoch: null }
    const identity = new ServerIdentity(files, {
      ...unbound,
      ...found,
      formatVersion: 1,
      diskUid,
      incarnation,
    })
    await identity.#persist(() => ({}))
    return identity
  }

  get diskUid(): string {
    return this.#durable.diskUid
  }

  get incarnation(): number {
    return this.#durable.incarnation
  }

  get clusterId(): string | null {
    return this.#durable.clusterId
  }

  get seenEpoch(): Epoch | null {
    return this.#seen
  }

  /** What the next start will know of the master, whatever it finds in records. */
  get writtenEpoch(): Epoch | null {
    return this.#durable.seenEpoch
  }

  /** What anybody has seen who is known here, for a master to prove that it is no older. */
  get knownEpoch(): Epoch | null {
    return newest(this.#seen, this.#durable.seenEpoch)
  }

  /** The id that the master gave; only after the first registration. */
  get serverId(): number {
    const { serverId } = this.#durable
    if (serverId === null) throw new DfsError('UNAVAILABLE', 'this server is not registered yet')
    return serverId
  }

  get isRegistered(): boolean {
    return this.#durable.serverId !== null
  }

  /** Binds this data directory to its cluster, for ever. WRONG_CLUSTER if it was bound to another one. */
  async bind(clusterId: string, serverId: number): Promise<void> {
    const { clusterId: known, serverId: knownId } = this.#durable
    if (known === clusterId && knownId === serverId) return
    if (known !== null && known !== clusterId) {
      throw new DfsError('WRONG_CLUSTER', `this data directory belongs to cluster ${known}`)
    }
    await this.#persist(() => ({ clusterId, serverId }))
  }

  /** Whether this is a start of the master that nothing was seen of yet. Throws STALE_EPOCH for an older one. */
  isNewStart(epoch: Epoch): boolean {
    checkEpoch(this.#seen, epoch)
    return this.#seen?.nonce !== epoch.nonce
  }

  /** Whether the next start of this server will still know that it has seen this start of the master. */
  hasWrittenDown({ counter, nonce }: Epoch): boolean {
    const { seenEpoch } = this.#durable
    return seenEpoch?.counter === counter && seenEpoch.nonce === nonce
  }

  /**
   * Takes note of the master's epoch; throws STALE_EPOCH for an older one than any seen before, and DiskError if it could
   * not be written down: the next call tries again, and until then an older epoch is refused in this life alone.
   */
  async observe(epoch: Epoch): Promise<void> {
    checkEpoch(this.#seen, epoch)
    if (isNewer(epoch, this.#seen)) this.#seen = epoch
    if (epoch.counter > (this.#durable.seenEpoch?.counter ?? 0)) await this.writeDownSeen()
  }

  /** Takes over what was found in records before the first registration. Durable when it resolves. Throws DiskError. */
  async adopt(found: Epoch | null): Promise<void> {
    this.#seen = newest(found, this.#seen)
    await this.writeDownSeen()
  }

  /**
   * Writes down all that was seen of the master, and what a record says that others have seen, if it is news. Throws
   * DiskError.
   */
  async writeDownSeen(inRecord: Epoch | null = null): Promise<void> {
    const news = (): Epoch | null => {
      const known = newest(inRecord, this.#seen)
      return known !== null && isNewer(known, this.#durable.seenEpoch) ? known : null
    }
    if (news() === null) return
    await this.#persist(() => {
      const seenEpoch = news()
      return seenEpoch === null ? null : { seenEpoch }
    })
  }

  /** Writes what `decide` wants changed when its turn comes; null if nothing is left to write. */
  async #persist(decide: () => Partial<StoredIdentity> | null): Promise<void> {
    const write = this.#persistAfter(this.#writing, decide)
    // A failed write fails its own caller below; the next one tries again.
    this.#writing = write.catch(() => undefined)
    await write
  }

  async #persistAfter(before: Promise<void>, decide: () => Partial<StoredIdentity> | null): Promise<void> {
    await before
    const change = decide()
    if (change === null) return
    const next = { ...this.#durable, ...change }
    await saveIdentity(this.#files, next)
    this.#durable = next
  }
}

/**
 * Larger than the one before, and never the same twice: a data directory that was restored from a backup counts to a number
 * that was used already, and would be taken for that earlier start.
 */
const nextIncarnation = (before: number, random: Random): number =>
  (Math.floor(before / RANDOM_RANGE) + 1) * RANDOM_RANGE + random.int(RANDOM_RANGE)

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
