/** Bugs in how a chunk server makes copies of volumes from those of others, and in how it mends its own. */
import { type PlantedBug } from './planted-bug.ts'

const SERVER = 'services/chunk-server'
const COPYING = `${SERVER}/src/copying`
const TESTS = `${SERVER}/test/copying`
const SOURCES_TEST = `${TESTS}/damaged-sources.test.ts`
const ORDERS_TEST = `${TESTS}/copy-orders.test.ts`

export const COPYING_BUGS: readonly PlantedBug[] = [
  {
    name: 'write pieces of a copy without looking at their records',
    promise: 'a damaged source makes no damaged copy (I3)',
    file: `${COPYING}/log-filler.ts`,
    oldText: '      const { size, isWrong } = await this.#check(left, at, end)\n',
    newText:
      '      const { size, isWrong } = { ...(await this.#check(left, at, end)), size: left.byteLength, isWrong: false }\n',
    test: SOURCES_TEST,
  },
  {
    name: 'call a copy whole before it was read back',
    promise: 'a copy counts when every byte was read back (I3)',
    file: `${COPYING}/copy-making.ts`,
    oldText: '    const left = yield* this.#check(copy)\n    if (left.length === 0)',
    newText:
      '    await copy.filling.end()\n    const left: readonly Span[] = this.lost\n    if (left.length === 0)',
    test: `${TESTS}/copy-volumes.test.ts`,
  },
  {
    name: 'take a record for lost because somebody did not answer',
    promise: 'what somebody may have is asked for again',
    file: `${COPYING}/hole-mender.ts`,
    oldText: '    if (!isWhole) this.lost.push({ at, end: after, isSure, path: most?.path ?? null })\n',
    newText:
      '    if (!isWhole) this.lost.push({ at, end: after, isSure: isSure || after > at, path: null })\n',
    test: SOURCES_TEST,
  },
  {
    name: 'tell nobody of a damaged source',
    promise: 'whoever has wrong bytes is told, and mended',
    file: `${COPYING}/hole-mender.ts`,
    oldText: '      if (isDamaged && !isSilent) this.#tell(',
    newText: '      if (isDamaged && isSilent) this.#tell(',
    test: SOURCES_TEST,
  },
  {
    name: 'forget that a copy was to be made when it is dropped',
    promise: 'a dropped copy is not made any more (I4)',
    file: `${SERVER}/src/workers/drop-copies.ts`,
    oldText: '  deps.copyJobs.cancel(volume, replica)\n',
    newText: '',
    test: ORDERS_TEST,
  },
  {
    name: 'make copies that only an earlier start of the master has ordered',
    promise: 'what the present master does not want is not made',
    file: `${COPYING}/copy-jobs.ts`,
    oldText: '    return job.epoch === this.#deps.orders.epoch\n',
    newText: '    return job.epoch <= (this.#deps.orders.epoch ?? Infinity)\n',
    test: ORDERS_TEST,
  },
  {
    name: 'leave a copy half made on a full disk',
    promise: 'a copy that has no room ends, and the master hears of it',
    file: `${COPYING}/copy-job.ts`,
    oldText: '    if (isFull || hasFailed ||',
    newText: '    if (hasFailed ||',
    test: ORDERS_TEST,
  },
  {
    name: 'let the verifier mend a copy that is being made',
    promise: 'a copy that is being made is written by one alone',
    file: `${SERVER}/src/volume/volume-store.ts`,
    oldText: '        state.verifiedToBytes !== state.sealedLengthBytes &&\n        !isBeingCopied(state),',
    newText: '        state.verifiedToBytes !== state.sealedLengthBytes,',
    test: `${TESTS}/copy-crashes.test.ts`,
  },
  {
    name: 'make missing copies as slowly as the clients want',
    promise: 'missing copies have a bandwidth that is their own',
    file: `${COPYING}/copy-throttle.ts`,
    oldText: 'priority < COPY_PRIORITY_MOVE ?',
    newText: 'priority < 0 ?',
    test: `${TESTS}/copy-throttle.test.ts`,
  },
  {
    name: 'use the memory of an answer again before it has left',
    promise: 'a copy that is read gives the bytes of the disk',
    file: `${SERVER}/src/replication/peer-methods.ts`,
    oldText: '  onSent(() => loan.release())\n',
    newText: '  onSent(() => {})\n  loan.release()\n',
    test: `${SERVER}/test/peer-reads.test.ts`,
  },
  {
    name: 'mend from those that were to have a copy once',
    promise: 'a repair asks those that have a copy now',
    file: `${SERVER}/src/workers/other-copies.ts`,
    oldText: '    return copies.map(({ server }) => server)\n',
    newText: '    return copies.length > 0 ? replicas.map(({ server }) => server) : []\n',
    test: `${SERVER}/test/other-copies.test.ts`,
  },
  {
    name: 'try for ever to make a copy where something else is',
    promise: 'nobody waits for what is not coming',
    file: `${COPYING}/copy-job.ts`,
    oldText: 'others: 6 }',
    newText: 'others: Infinity }',
    test: ORDERS_TEST,
  },
  {
    name: 'name no source of a copy that failed before its first byte',
    promise: 'what fails is tried again less and less often',
    file: `${COPYING}/copy-job.ts`,
    oldText: "this.#outcome === 'failed' ?",
    newText: "this.#outcome === 'whole' ?",
    test: ORDERS_TEST,
  },
]
