/** Bugs in how lost copies are made again. */
import { type PlantedBug } from './planted-bug.ts'

const METADATA = 'services/master/src/domain/metadata'
const VERIFIED = 'a copy counts when it is verified up to the seal, and not before (I3)'
const test = 'services/master/test/store/copy-actions.test.ts'

export const HEALING_BUGS: readonly PlantedBug[] = [
  {
    name: 'take "sealed" for verified',
    promise: VERIFIED,
    file: `${METADATA}/reports.ts`,
    oldText: '  } else if (isVerifiedUpToTheSeal(report, copy.volume)) {\n',
    newText: "  } else if (report.state === 'sealed') {\n",
    test,
  },
  {
    name: 'give up what is being made when its server restarts',
    promise: VERIFIED,
    file: `${METADATA}/reports.ts`,
    oldText: "copy.state === 'damaged' || copy.state === 'copying'",
    newText: "copy.state === 'damaged'",
    test,
  },
  {
    name: 'call a copy done that was not read back',
    promise: 'what the ledger calls done counts',
    file: `${METADATA}/reports.ts`,
    oldText: '  } else states.noteThere(copy)\n',
    newText: "  } else repairs.end(copy.id, { state: 'done', tries, lastError, wallMs })\n",
    test,
  },
  {
    name: 'wait for ever for a copy that lacks what nobody has',
    promise: 'nobody waits for what is not coming',
    file: `${METADATA}/reports.ts`,
    oldText: "isIncomplete && report.state === 'sealed'",
    newText: "isIncomplete && report.state === 'open'",
    test,
  },
  {
    name: 'send readers to a copy that is being made',
    promise: 'nobody reads a copy that is being made',
    file: `${METADATA}/volume.ts`,
    oldText: "  ['open', 0],\n",
    newText: "  ['open', 0],\n  ['copying', 1],\n",
    test,
  },
  {
    name: 'release without another look',
    promise: 'a copy is removed only when it cannot be needed any more (I1)',
    file: `${METADATA}/copy-actions.ts`,
    oldText:
      '      if (!mayRelease({ ...question, replica: copy.id, replicas: copiesSeen(volume) })) return false\n',
    newText: '',
    test,
  },
  {
    name: 'copy to where there is a copy',
    promise: 'a server has one copy of a volume at most (I2)',
    file: `${METADATA}/copy-actions.ts`,
    oldText: '  if (volume.replicas.some((copy) => copy.server === target)) return false\n',
    newText: '',
    test,
  },
  {
    name: 'forget which copies were dropped',
    promise: 'a copy that was dropped is known when an older disk brings it back (I11)',
    file: `${METADATA}/volumes.ts`,
    oldText: '      this.#rows.insertDropped(volume.id, copy.id)\n',
    newText: '',
    test,
  },
  {
    name: 'make copies before servers had time to register',
    promise: 'nothing is done to copies before most servers were heard (I12)',
    file: 'services/master/src/workers/repair-copies.ts',
    oldText: 'this.#views.make(ids, clusterMs, act.mayAct)',
    newText: 'this.#views.make(ids, clusterMs, true)',
    test: 'services/master/test/healing.test.ts',
  },
  {
    name: 'give a server that dies all the time no more time',
    promise: 'a server that comes back costs nothing',
    file: 'services/master/src/servers/server-history.ts',
    oldText: 'deathsLastHour: deaths.length',
    newText: 'deathsLastHour: Math.min(1, deaths.length)',
    test: 'services/master/test/healing.test.ts',
  },
  {
    name: 'say that a copy is on its way to a server that is gone',
    promise: 'what is said to be under way is',
    file: 'services/master/src/servers/repair-status.ts',
    oldText: '.filter(({ target }) => !dead.has(target))',
    newText: '.filter(({ target }) => !dead.has(-target))',
    test: 'services/master/test/healing.test.ts',
  },
  {
    name: 'look each second for what only the return of a server ends',
    promise: 'what is waited for is said',
    file: 'services/master/src/workers/repair-copies.ts',
    oldText: 'PASSING.has(state) && alive.has(server))',
    newText: 'PASSING.has(state) && server > 0)',
    test: 'services/master/test/healing.test.ts',
  },
  {
    name: 'plan nothing for the volumes of a server that dies',
    promise: 'lost copies are made again',
    file: 'services/master/src/workers/repair-copies.ts',
    oldText: 'if (this.#history.look(server.id, server, nowMs)) await',
    newText: 'if (this.#history.look(server.id, server, nowMs) && nowMs < 0) await',
  },
]
