/** Bugs in how the metadata is recovered from copies, and in what becomes of the writes that it does not know. */
import { type PlantedBug } from './planted-bug.ts'

const CLI = 'packages/cli'
const REPLAY = `${CLI}/src/local/replayed-copy.ts`
const COPIES = `${CLI}/src/recover/metadata-copies.ts`
const WHOLE = 'a recovered database is what the master had at one moment'
const NEWEST = 'the copy with the newest last piece is the one to recover from'

export const RECOVERY_BUGS: readonly PlantedBug[] = [
  {
    name: 'lay change sets of the metadata over what they do not fit',
    promise: WHOLE,
    file: REPLAY,
    oldText: 'onConflict: () => constants.SQLITE_CHANGESET_ABORT',
    newText:
      'onConflict: (kind: number) => kind === constants.SQLITE_CHANGESET_DATA ? constants.SQLITE_CHANGESET_REPLACE : constants.SQLITE_CHANGESET_OMIT',
    test: `${CLI}/test/recover/replayed-copy.test.ts`,
  },
  {
    name: 'believe that a piece of the metadata holds all that it says',
    promise: WHOLE,
    file: REPLAY,
    oldText: '? wrongPlace(database, to)',
    newText: '? null',
    test: `${CLI}/test/recover/replayed-copy.test.ts`,
  },
  {
    name: 'recover from the copy that was found first',
    promise: NEWEST,
    file: COPIES,
    oldText: 'const ranked = rankCopies(copies)',
    newText: 'const ranked = [...copies]',
    test: `${CLI}/test/recover/metadata-copies.test.ts`,
  },
  {
    name: 'recover from the copies of those that were named alone',
    promise: NEWEST,
    file: `${CLI}/src/recover/newest-copy.ts`,
    oldText: 'if (more.length <= answered.length) return metadata',
    newText: 'if (more.length > 0) return metadata',
    test: 'test/contract/recovery/restarted-servers.test.ts',
  },
  {
    name: 'stop at a damaged copy of the metadata while another has more',
    promise: NEWEST,
    file: COPIES,
    oldText: 'if (best !== null && comparePositions(held.position, best.position) <= 0) break',
    newText: 'if (best !== null) break',
    test: `${CLI}/test/recover/metadata-copies.test.ts`,
  },
  {
    name: 'seal a volume at its committed end, whatever stands behind it',
    promise: 'bytes that were acknowledged are never lost with the metadata',
    file: `${CLI}/src/local/new-history.ts`,
    oldText: 'SET committed_end = max(committed_end, ?)',
    newText: 'SET committed_end = max(committed_end, 0 * ?)',
    test: 'test/contract/recovery/recover.test.ts',
  },
  {
    name: 'salvage over a living file',
    promise: 'nothing that stands is touched by what was found',
    file: 'services/master/src/domain/metadata/salvage.ts',
    oldText: 'if (place.ok && place.entry === undefined) return place',
    newText: 'if (place.ok) return place',
    test: 'services/master/test/store/salvage.test.ts',
  },
  {
    name: 'salvage a write once more after a crash',
    promise: 'a write that was found becomes one file',
    file: 'services/master/src/domain/metadata/recoveries.ts',
    oldText: '    this.#rows.removePending(content)\n',
    newText: '',
    test: 'services/master/test/store/salvage.test.ts',
  },
  {
    name: 'delete volumes before a new history is confirmed',
    promise: 'nothing is deleted before somebody has confirmed a new history',
    file: 'services/master/src/workers/delete-empty.ts',
    oldText: 'if (!store.recovering.mayDelete())',
    newText: 'if (!store.recovering.mayDelete() && space.isFull)',
    test: 'services/master/test/workers.test.ts',
  },
]
