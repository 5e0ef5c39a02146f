/** Bugs in the planner of copies. */
import { type PlantedBug } from './planted-bug.ts'

const COPIES = 'services/master/src/domain/copies'
const NEEDED = 'a copy is removed only when it cannot be needed any more (I1)'
const TESTS = 'services/master/test/domain/copies'
const test = `${TESTS}/potential.test.ts`

export const COPIES_BUGS: readonly PlantedBug[] = [
  {
    name: 'release a copy while its replacement is still copying',
    promise: NEEDED,
    file: `${COPIES}/release.ts`,
    oldText: "state === 'inSync' && isUp(server)",
    newText: "(state === 'inSync' || state === 'copying') && isUp(server)",
    test,
  },
  {
    name: 'count copies on dead servers when one is released',
    promise: NEEDED,
    file: `${COPIES}/release.ts`,
    oldText: "state === 'inSync' && isUp(server)",
    newText: "state === 'inSync' && isUp !== undefined && server > 0",
    test,
  },
  {
    name: 'count surplus copies when one is released',
    promise: NEEDED,
    file: `${COPIES}/release.ts`,
    oldText: "state === 'inSync' && isUp(server)",
    newText: "(state === 'inSync' || state === 'surplus') && isUp(server)",
    test,
  },
  {
    name: 'move copies to a server that drains',
    promise: 'every action lowers Φ (I13)',
    file: `${COPIES}/cluster-state.ts`,
    oldText: "const isUp = isThere && view.mode === 'active'\n",
    newText: 'const isUp = isThere\n',
    test,
  },
  {
    name: 'leave "no counted copy" out of Φ',
    promise: 'what the servers allow is healed (I13)',
    file: `${COPIES}/potential.ts`,
    oldText: 'return [none, one,',
    newText: 'return [none * 0, one,',
    test,
  },
  {
    name: 'plan before the majority was heard',
    promise: 'nothing is done to copies before most servers were heard (I12)',
    file: `${COPIES}/plan-copies.ts`,
    oldText: 'if (!view.mayAct) return',
    newText: 'if (view.nowMs < 0) return',
    test: `${TESTS}/waiting.test.ts`,
  },
  {
    name: 'count the sources of copies after the plan',
    promise: 'a server is the source of a few copies at a time',
    file: `${COPIES}/draft.ts`,
    oldText: '    this.cluster.server(source.server).outgoing += 1\n',
    newText: '',
    test: `${TESTS}/plan-copies.test.ts`,
  },
  {
    name: 'make no copy of what stands on disks that have failed once',
    promise: 'lost copies are made again as long as their bytes are there',
    file: `${COPIES}/targets.ts`,
    oldText: '    replicas: there.filter(isWanted),',
    newText: "    replicas: there.every(({ state }) => state === 'damaged') ? [] : there.filter(isWanted),",
    test: `${TESTS}/plan-copies.test.ts`,
  },
  {
    name: 'promise the same room twice',
    promise: 'copies on their way have room (I15)',
    file: `${COPIES}/draft.ts`,
    oldText: '    server.roomBytes -= sealedBytes\n',
    newText: '    server.roomBytes -= sealedBytes * 0\n',
    test: `${TESTS}/plan-copies.test.ts`,
  },
  {
    name: 'copy from an unverified copy beside a whole one',
    promise: 'an unverified copy is no source as long as a whole one is left',
    file: `${COPIES}/targets.ts`,
    oldText: "!hasWhole || state !== 'unverified'",
    newText: "!hasWhole || state !== 'dropping'",
    test: `${TESTS}/plan-copies.test.ts`,
  },
]
