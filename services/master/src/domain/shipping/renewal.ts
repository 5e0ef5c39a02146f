/** When a copy of the metadata begins anew with a snapshot, although its chain goes on. */

/**
 * Whether the change sets of a copy are more than is worth keeping: whoever recovers replays them one by one. `keptBytes` of them
 * are kept, however small the database is.
 */
export const isRenewalDue = (changesBytes: number, databaseBytes: number, keptBytes: number): boolean =>
  changesBytes > Math.max(keptBytes, databaseBytes / 2)
