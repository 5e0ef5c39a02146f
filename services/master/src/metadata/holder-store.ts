/**
 * Which chunk servers hold copies of the metadata, as the metadata itself has it (docs/adr/0021). The set changes in two
 * transactions: one proposes the next set, and when enough of the present one have synced that, another makes it count. So whoever reaches most of
 * a set that counted once learns of the one that counts now. What holds for every call stands in store.ts.
 */

export interface HolderSets {
  /** Servers of the set that counts, by id. */
  readonly counting: readonly number[]
  /** Of the one that will, which is the same unless one is proposed. */
  readonly next: readonly number[]
}

export interface HolderStore {
  sets(): HolderSets
  /** Proposes a set, in place of one that is proposed already; resolves to the number of that transaction. */
  propose(next: readonly number[]): Promise<number>
  /** The proposed set counts from now on; resolves to the number of that transaction. */
  settle(): Promise<number>
}
