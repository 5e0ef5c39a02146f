/**
 * Who is at an internal address, where several disks were registered over time. When another disk registers at the address of a
 * server, its process cannot be there any more: it is _superseded_, and nobody has to wait until its silence has become a death.
 *
 * That is taken back where it was wrong. A server that is superseded is told to register again when it is heard; if that is
 * the process that was there before, there are two that say they are at one address, which is a mistake in their settings. From
 * then on they _share_ it: neither supersedes the other, so they do not take turns, and people are told. What others send to
 * that address reaches one of the two, and the wrong one refuses it, since orders name the copy and the start of the server.
 *
 * What counts is the order in which this start of the master has heard and registered them. A call that comes late, from a process that is gone,
 * supersedes who is there for one heartbeat: then that is heard, and shares the address until the other counts as silent.
 */
export class Places {
  #moment = 0
  /** When each was heard last. */
  readonly #heard = new Map<number, number>()
  /** By address, who registered there last, and when. */
  readonly #newest = new Map<string, { readonly server: number; readonly moment: number }>()
  /** By address. */
  readonly #sharing = new Map<string, Set<number>>()

  noteHeard(server: number): void {
    this.#moment += 1
    this.#heard.set(server, this.#moment)
  }

  /**
   * `isSameProcess` of one that has registered with this start of the master before, in this incarnation. Whether it is known from now on that others
   * are at the address too.
   */
  noteRegistered(server: number, address: string, isSameProcess: boolean): boolean {
    const newest = this.#newest.get(address)
    const isFound = isSameProcess && newest !== undefined && this.isSuperseded(server, address)
    if (isFound) {
      const sharing = this.#sharing.get(address) ?? new Set()
      this.#sharing.set(address, sharing.add(server).add(newest.server))
    }
    this.noteHeard(server)
    this.#newest.set(address, { server, moment: this.#moment })
    return isFound
  }

  /** Whether another disk has registered at its address since it was heard. */
  isSuperseded(server: number, address: string): boolean {
    const newest = this.#newest.get(address)
    if (newest === undefined || newest.server === server) return false
    if (this.isSharing(server, address)) return false
    return (this.#heard.get(server) ?? 0) < newest.moment
  }

  /** Who registered there last. */
  newestAt(address: string): number | null {
    return this.#newest.get(address)?.server ?? null
  }

  isSharing(server: number, address: string): boolean {
    return this.#sharing.get(address)?.has(server) ?? false
  }

  /** Nobody shares an address with those that are not `there`. */
  prune(address: string, isThere: (server: number) => boolean): void {
    const sharing = this.#sharing.get(address)
    if (sharing === undefined) return
    for (const server of sharing) if (!isThere(server)) sharing.delete(server)
    if (sharing.size < 2) this.#sharing.delete(address)
  }
}
