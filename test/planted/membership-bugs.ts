/** Bugs in who counts as a server of the cluster, and who is gone. */
import { type PlantedBug } from './planted-bug.ts'

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
]
