export { type Master, type MasterOptions, startMaster } from './master.ts'
export { DEFAULT_SETTINGS, type MasterSettings } from './settings.ts'
export { type MetadataStore } from './metadata/store.ts'
export {
  openMemoryStore,
  openSqliteStore,
  type SqliteStore,
  type SqliteStoreOptions,
} from './metadata/sqlite/sqlite-store.ts'
