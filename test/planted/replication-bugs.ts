/** Bugs in how a coordinator makes copies, commits and answers. */
import { type PlantedBug } from './planted-bug.ts'

const OPEN_VOLUME = 'services/chunk-server/src/replication/open-volume.ts'
const PEERS = 'services/chunk-server/src/replication/peer-methods.ts'
const PEERS_TEST = 'services/chunk-server/test/peer-methods.test.ts'

export const REPLICATION_BUGS: readonly PlantedBug[] = [
  {
    name: 'send a batch to all replicas but one',
    promise: 'the copies synced are those of the whole set (R2)',
    file: OPEN_VOLUME,
    oldText: '        ...this.#peers.map((peer) => this.#send',
    newText: '        ...this.#peers.slice(1).map((peer) => this.#send',
  },
  {
    name: 'wait for a start that has taken the registration',
    promise: 'a server that lost an answer finds its way back',
    file: 'services/chunk-server/src/master/master-session.ts',
    oldText: ' || this.answers.isOfNewStart',
    newText: '',
    test: 'test/simulation/lost-registration.test.ts',
  },
  {
    name: 'go on when a replica has failed',
    promise: 'any failed, late or wrong answer ends the volume',
    file: OPEN_VOLUME,
    oldText: "      this.end('a replica did not sync a batch', error)\n",
    newText: '      void error\n',
  },
  {
    name: 'take records from whoever sends them',
    promise: 'a volume belongs to one incarnation of its primary (R3)',
    file: PEERS,
    oldText: 'if (order.primary.server !== server || ',
    newText: 'if (',
    test: PEERS_TEST,
  },
  {
    name: 'take records of an old incarnation',
    promise: 'a volume belongs to one incarnation of its primary (R3)',
    file: PEERS,
    oldText: ' || order.primary.incarnation !== incarnation) {',
    newText: ') {',
    test: PEERS_TEST,
  },
  {
    name: 'add to a copy of an earlier start',
    promise: 'a volume belongs to one incarnation of each replica (R3)',
    file: PEERS,
    oldText: '  const { order } = copy.state\n  ownReplica(order, identity)\n',
    newText: '  const { order } = copy.state\n',
    test: PEERS_TEST,
  },
  {
    name: 'make a copy that an earlier start was to make',
    promise: 'a volume belongs to one incarnation of each replica (R3)',
    file: PEERS,
    oldText: ' || own.incarnation !== identity.incarnation) {',
    newText: ') {',
    test: PEERS_TEST,
  },
  {
    name: 'say that nothing happened if nobody knows',
    promise: 'an error without "unknown" means no effect (R14)',
    file: 'services/chunk-server/src/master/pending-command.ts',
    oldText: '    this.fail(noAnswer(this.mayHaveLeft || this.isUnderWay, this.refusal))\n',
    newText: '    this.fail(noAnswer(false))\n',
    test: 'services/chunk-server/test/request-deadline.test.ts',
  },
  {
    name: 'give the commit a time of its own',
    promise: 'a client request has one deadline, whatever it passes through',
    file: 'services/chunk-server/src/writing/record-committer.ts',
    oldText: '          commits.submit(await command(record), number, context),\n',
    newText:
      '          commits.submit(await command(record), number, {\n' +
      '            ...context,\n' +
      '            deadlineMs: clock.monotonicMs() + 20_000,\n' +
      '          }),\n',
    test: 'services/chunk-server/test/request-deadline.test.ts',
  },
  {
    name: 'end a batch of look-ups with its earliest',
    promise: 'each request is answered by its own deadline, whatever batch it travels in',
    file: 'services/chunk-server/src/master/lookup-channel.ts',
    oldText: '    const deadlineMs = Math.max(',
    newText: '    const deadlineMs = Math.min(',
    test: 'services/chunk-server/test/request-deadline.test.ts',
  },
  {
    name: 'answer a look-up from a cache',
    promise: 'a read uses a look-up sent after it arrived (R16)',
    file: 'services/chunk-server/src/master/lookup-channel.ts',
    oldText: '    const found = this.#batcher.add({ request, context })',
    newText:
      '    const kept = ((this.#deps as { kept?: Record<string, Promise<LookupResult>> }).kept ??= {})\n' +
      '    const found = (kept[JSON.stringify(request)] ??= this.#batcher.add({ request, context }))',
  },
  {
    name: 'never forget that a request is under way',
    promise: 'the results of answered requests are confirmed (R15)',
    file: 'packages/protocol/src/nodes/request-numbers.ts',
    oldText: "    assert(this.#underWay.delete(number), 'a request number is released once')\n",
    newText: '    void number\n',
    test: 'services/chunk-server/test/commit-channel.test.ts',
  },
  {
    name: 'obey an outdated master',
    promise: 'a server that has seen more refuses a restored backup (R6)',
    file: 'packages/protocol/src/ids.ts',
    oldText: '  if (isSameStart || isLaterStart) return\n',
    newText: '  if (isSameStart || isLaterStart || next.counter > 0) return\n',
    test: 'packages/protocol/test/ids.test.ts',
  },
  {
    name: 'take what came of a broken stream for the whole',
    promise: 'a body that breaks off is never stored',
    file: 'packages/node-runtime/src/calls/inbound-body.ts',
    oldText: '    this.#reader?.reject(broken())\n',
    newText: '    this.#reader?.resolve(null)\n',
    test: 'packages/node-runtime/test/streams.test.ts',
  },
]
