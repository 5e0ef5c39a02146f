/** Bugs in what is said of the copies that there are. */
import { type PlantedBug } from './planted-bug.ts'

const HEALTH = 'services/master/src/domain/health'
const COUNTED = 'the counts of copies are what is on the disks'

export const HEALTH_BUGS: readonly PlantedBug[] = [
  {
    name: 'count copies of servers that are gone',
    promise: COUNTED,
    file: `${HEALTH}/seen-servers.ts`,
    oldText: "undefined && server.isHeard && server.liveness !== 'dead'",
    newText: 'undefined && server.isHeard',
    test: 'test/simulation/health.test.ts',
  },
  {
    name: 'count copies that were not heard of',
    promise: 'what was not heard is unknown, never assumed to be well',
    file: `${HEALTH}/seen-servers.ts`,
    oldText: "undefined && server.isHeard && server.liveness !== 'dead'",
    newText: "undefined && server.liveness !== 'dead'",
    test: 'services/master/test/health.test.ts',
  },
  {
    name: 'count copies that wait to be verified since a start',
    promise: COUNTED,
    file: `${HEALTH}/seen-servers.ts`,
    oldText: 'return this.get(server)?.incarnation === incarnation',
    newText: 'return incarnation >= 0 && this.get(server) !== undefined',
    test: 'services/master/test/domain/health/condition.test.ts',
  },
  {
    name: 'count copies whose first record is wrong',
    promise: COUNTED,
    file: 'services/master/src/domain/metadata/volume.ts',
    oldText: 'return isShort || (this.#flags & FOUND_DAMAGED) !== 0',
    newText: 'return isShort',
    test: 'services/master/test/store/volumes.test.ts',
  },
  {
    name: 'count a content in each of its volumes',
    promise: COUNTED,
    file: 'services/master/src/domain/metadata/copy-counts.ts',
    oldText: 'if (found.length > 1) tally.addSpanning(found)',
    newText: 'if (found.length < 1) tally.addSpanning(found)',
  },
  {
    name: 'count uploads that were abandoned',
    promise: COUNTED,
    file: 'services/master/src/domain/metadata/volumes.ts',
    oldText: '    volume.liveChunks += 1\n',
    newText: '    volume.liveChunks += 1\n    volume.liveFiles += volume.liveFiles === 0 ? 1 : 0\n',
  },
  {
    name: 'forget that a content lies in several volumes',
    promise: COUNTED,
    file: 'services/master/src/domain/metadata/spanning.ts',
    oldText: 'if (volumes.length < 2) return',
    newText: 'if (volumes.length < 3) return',
  },
  {
    name: 'answer the health from a cache',
    promise: 'what is counted was counted after it was asked for',
    file: 'services/master/src/servers/cluster-health.ts',
    oldText: '    return (await this.#counted()).health\n',
    newText:
      '    return ((this as unknown as { kept?: HealthView }).kept ??= (await this.#counted()).health)\n',
  },
  {
    name: 'call files lost whose copies are being verified',
    promise: 'lost is what no copy can be good of',
    file: `${HEALTH}/condition.ts`,
    oldText: "  if (verifying > 0) return 'unverified'\n",
    newText: '',
    test: 'services/master/test/domain/health/condition.test.ts',
  },
  {
    name: 'call files lost whose copies are damaged',
    promise: 'lost is what no copy can be good of',
    file: `${HEALTH}/condition.ts`,
    oldText: "  if (damaged > 0) return notHeard > 0 ? 'unverified' : 'damaged'\n",
    newText: "  if (damaged > 0 && notHeard > 0) return 'unverified'\n",
    test: 'services/master/test/domain/health/condition.test.ts',
  },
  {
    name: 'call an estimate exact',
    promise: 'what was not heard is unknown, never assumed to be well',
    file: `${HEALTH}/health.ts`,
    oldText: 'copyCountsOf(tally, !facts.seen.areComplete)',
    newText: 'copyCountsOf(tally, false)',
    test: 'services/master/test/domain/health/health.test.ts',
  },
  {
    name: 'find no damage by what servers have read alone',
    promise: 'fsck calls clean what was seen, every byte of every promised copy',
    file: 'packages/cli/src/running-check.ts',
    oldText: 'missingIn(health).length === 0 && isSeen(health)',
    newText: 'health !== null',
    test: 'packages/cli/test/running-check.test.ts',
  },
]
