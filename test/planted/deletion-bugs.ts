/** Bugs in what goes: volumes that are deleted, what is counted of them, and what a restart of a server leaves in doubt. */
import { type PlantedBug } from './planted-bug.ts'

const DECISIONS = 'services/master/src/domain/metadata'
const DELETED = 'what is deleted was of no use to anybody, and stays deleted (R7)'
const deletionTest = 'services/master/test/store/deletion.test.ts'

export const DELETION_BUGS: readonly PlantedBug[] = [
  {
    name: 'forget that a volume was deleted',
    promise: DELETED,
    file: `${DECISIONS}/volume-states.ts`,
    oldText: '    this.#rows.insertDeleted(volume.id, clusterMs)\n',
    newText: '',
    test: deletionTest,
  },
  {
    name: 'drop copies that nobody knows',
    promise: 'no copy is deleted because nobody knows it (R7)',
    file: `${DECISIONS}/reports.ts`,
    oldText:
      '} else if (rows.volumes.wasDeleted(each.volume) || rows.volumes.wasDropped(each.volume, each.replica)) {',
    newText: '} else if (!rows.volumes.wasDeleted(-1)) {',
    test: 'services/master/test/store/volumes.test.ts',
  },
  {
    name: 'delete a volume without looking for its chunks',
    promise: DELETED,
    file: `${DECISIONS}/deletion.ts`,
    oldText: 'if (rows.chunks.isAnyIn(volume.id)) {',
    newText: 'if (volume.liveChunks > 0) {',
    test: deletionTest,
  },
  {
    name: 'delete a volume that its primary may ask for',
    promise: 'a request for volumes is answered, however often it comes (R19)',
    file: `${DECISIONS}/deletion.ts`,
    oldText: 'return !(servers.isCurrent(primary) && grants.names(primary, kind, id))',
    newText:
      'return servers !== undefined && grants !== undefined && primary !== undefined && kind !== undefined',
    test: deletionTest,
  },
  {
    name: 'find what an earlier start of a server was granted',
    promise: 'no request ends the master',
    file: `${DECISIONS}/allocate.ts`,
    oldText: '  servers.requireCurrent(primary)\n',
    newText: '  if (servers.get(primary.server) === undefined) return null\n',
    test: deletionTest,
  },
  {
    name: 'delete what a new history may have lost',
    promise: DELETED,
    file: `${DECISIONS}/deletion.ts`,
    oldText: 'if (epochOf(id) < state.historyCounter) return false',
    newText: 'if (epochOf(id) < 0 && state !== undefined) return false',
    test: 'services/master/test/store/histories.test.ts',
  },
  {
    name: 'know no copy that a history which was given up has made',
    promise: 'what the metadata knows and the volumes have can be read',
    file: `${DECISIONS}/reports.ts`,
    oldText: "if (volume?.state !== 'sealed' || epochOf(volume.id) >= state.historyCounter) return false",
    newText: "if (volume?.state !== 'sealed' || epochOf(volume.id) >= 0 * state.historyCounter) return false",
    test: 'services/master/test/store/histories.test.ts',
  },
  {
    name: 'count a part of a copy of a history which was given up',
    promise: 'a copy counts when it is verified up to the seal (R8)',
    file: `${DECISIONS}/reports.ts`,
    oldText: '  if (!isVerifiedUpToTheSeal(report, volume)) return false\n',
    newText: '',
    test: 'services/master/test/store/histories.test.ts',
  },
  {
    name: 'delete before a restored backup would be known',
    promise: DELETED,
    file: 'services/master/src/domain/attendance.ts',
    oldText: 'attendance.hasMajority && (attendance.hasEveryone || nowMs - startedAtMs >= deadAfterMs)',
    newText: 'attendance.hasMajority || nowMs - startedAtMs >= deadAfterMs',
    test: 'services/master/test/deletion.test.ts',
  },
  {
    name: 'make a copy good again that is to be dropped',
    promise: DELETED,
    file: `${DECISIONS}/reports.ts`,
    oldText: "if (replica.state === 'damaged' || replica.state === 'dropping') {",
    newText: "if (replica.state === 'damaged') {",
    test: deletionTest,
  },
  {
    name: 'forget a copy that its server was not told to drop',
    promise: 'a copy goes only by an order of the master (R7)',
    file: `${DECISIONS}/deletion.ts`,
    oldText: "if (copy?.server === from.server && copy.state === 'dropping') states.noteDropped(copy)",
    newText: 'if (copy !== undefined) states.noteDropped(copy)',
    test: deletionTest,
  },
  {
    name: 'believe what an earlier start has verified',
    promise: 'what is verified counts as far as this start reports it (R9)',
    file: `${DECISIONS}/volume.ts`,
    oldText: "return this.isUnheard && this.#state === 'inSync' ? 'unverified' : this.#state",
    newText: 'return this.#state',
    test: 'services/master/test/store/registration.test.ts',
  },
  {
    name: 'forget after a crash which servers have not reported all',
    promise: 'what is verified counts as far as this start reports it (R9)',
    file: `${DECISIONS}/books.ts`,
    oldText: 'for (const server of servers.unheard()) states.doubtAllOn(server)',
    newText: 'for (const server of servers.unheard().slice(0, 0)) states.doubtAllOn(server)',
    test: 'services/master/test/store/registration.test.ts',
  },
  {
    name: 'let an older registration come behind a newer one',
    promise: 'the last that a server says holds',
    file: 'services/master/src/servers/taking-in.ts',
    oldText: 'if (this.#underWay.get(diskUid) !== own) throw meanwhile',
    newText: 'if (own.number < 0) throw meanwhile',
    test: 'services/master/test/paged-registration.test.ts',
  },
  {
    name: 'take room that is promised for free',
    promise: 'open volumes find the room that they were made for (R22)',
    file: 'services/master/src/domain/placement.ts',
    oldText: 'freeBytes - promisedBytes - freeSpaceFloorBytes',
    newText: 'freeBytes - 0 * promisedBytes - freeSpaceFloorBytes',
    test: 'services/master/test/domain/placement.test.ts',
  },
  {
    name: 'count a staged content as a file',
    promise: 'what is counted of a volume is what stands in it',
    file: `${DECISIONS}/volumes.ts`,
    oldText: '    volume.liveChunks += 1\n',
    newText: '    volume.liveChunks += 1\n    volume.liveFiles += volume.liveChunks === 1 ? 1 : 0\n',
    test: 'services/master/test/store/live-counts.test.ts',
  },
]
