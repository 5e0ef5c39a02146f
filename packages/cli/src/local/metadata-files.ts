/** Files in the directory of a master. */
export const DATABASE = 'metadata.db'
export const LOG = 'metadata.db-wal'
