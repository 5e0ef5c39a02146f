/** Bugs in who counts as a server of the cluster, and who is gone. */
import { type PlantedBug } from './planted-bug.ts'

const METADATA = 'services/master/src/domain/metadata'
const STORE_TEST = 'services/master/test/store/removal.test.ts'
const MASTER_TEST = 'services/master/test/removal.test.ts'

export const MEMBERSHIP_BUGS: readonly PlantedBug[] = [
  {
    name: 'wait for the silence of a server in whose place another disk is',
    promise: 'a receipt counts copies that are good at the commit (R23)',
    file: 'services/master/src/domain/liveness.ts',
    oldText: "  if (hearing.isGone) return 'dead'\n",
    newText: '',
    test: 'test/simulation/receipts.test.ts',
  },
  {
    name: 'let two servers at one address take turns',
    promise: 'servers at one address by mistake both go on, and are named',
    file: 'services/master/src/domain/places.ts',
    oldText: 'const isFound = isSameProcess &&',
    newText: 'const isFound = false && isSameProcess &&',
    test: 'test/simulation/shared-address.test.ts',
  },
  {
    name: 'wait for servers that were removed',
    promise: 'a server that was removed counts for no majority (I12)',
    file: 'services/master/src/domain/attendance.ts',
    oldText: 'if (member.isRemoved || member.isGivenUp) continue',
    newText: 'if (member.isGivenUp) continue',
    test: 'services/master/test/domain/attendance.test.ts',
  },
  {
    name: 'let a server in again that was removed',
    promise: 'a server that was removed stays out, with its disk (I12)',
    file: `${METADATA}/reports.ts`,
    oldText: "  if (known?.mode === 'removed') throw new DfsError('SERVER_REMOVED', whyRemoved(known))\n",
    newText: '',
    test: STORE_TEST,
  },
  {
    name: 'take commits from a server that was removed',
    promise: 'a server that was removed stays out, with its disk (I12)',
    file: `${METADATA}/commit.ts`,
    oldText: '  if (servers.isRemoved(server))\n',
    newText: '  if (server < 0)\n',
    test: STORE_TEST,
  },
  {
    name: 'remove a server that has come back meanwhile',
    promise: 'only a server that is gone is removed',
    file: `${METADATA}/removal.ts`,
    oldText: 'known.incarnation !== incarnation',
    newText: 'known.incarnation < 0',
    test: STORE_TEST,
  },
  {
    name: 'remove a server that is alive',
    promise: 'only a server that is gone is removed',
    file: 'services/master/src/domain/which-server.ts',
    oldText: 'gone: present.filter(({ silentForMs }) => silentForMs >= deadAfterMs)',
    newText: 'gone: present.filter(({ silentForMs }) => silentForMs >= 0)',
    test: MASTER_TEST,
  },
  {
    name: 'count copies of removed servers in a receipt',
    promise: 'a receipt counts copies that are good at the commit (R23)',
    file: `${METADATA}/commit.ts`,
    oldText: 'dead: dead.union(new Set(removed))',
    newText: 'dead',
    test: STORE_TEST,
  },
  {
    name: 'give up files without a word that others have yet to read',
    promise: 'what a server alone may have is named before it is given up',
    file: `${METADATA}/only-there.ts`,
    oldText: 'copy.server !== server && isGood(copy, seen)',
    newText: 'copy.server !== server && hasAnything(copy)',
    test: STORE_TEST,
  },
  {
    name: 'forget what became of files that only a removed server had',
    promise: 'what a server alone may have is named before it is given up',
    file: `${METADATA}/removal.ts`,
    oldText: 'looked.filter((copy) => this.#isForgettable(copy))',
    newText: 'looked',
    test: STORE_TEST,
  },
  {
    name: 'forget a disk that was replaced while copies name it',
    promise: 'who comes back is taken up again without a word',
    file: `${METADATA}/removal.ts`,
    oldText: ' || volumes.onServer(server).count > 0) return false',
    newText: ') return false',
    test: STORE_TEST,
  },
]
