/** Bugs in how a chunk server carries out orders, and removes copies that nothing needs any more. */
import { type PlantedBug } from './planted-bug.ts'

const SERVER = 'services/chunk-server'
const DROPS_TEST = `${SERVER}/test/drop-copies.test.ts`
const SET_ASIDE_TEST = `${SERVER}/test/drop-set-aside.test.ts`

export const DROP_BUGS: readonly PlantedBug[] = [
  {
    name: 'remove the log before the note says so',
    promise: 'a copy that is dropped goes as a whole, whenever the server ends',
    file: `${SERVER}/src/volume/copy-note.ts`,
    oldText: '    await this.#save(() => saveRetired(this.#deps, order.volume, replica))\n',
    newText: '    await (async () => [saveRetired, order.volume, replica])()\n',
    test: DROPS_TEST,
  },
  {
    name: 'let the note go before the log can not come back',
    promise: 'a copy that is dropped goes as a whole, whenever the server ends',
    file: `${SERVER}/src/volume/copy-removal.ts`,
    oldText:
      '  await removeIfThere(disk, copyLogName(volume))\n  await disk.syncDirectory(VOLUMES_DIRECTORY)\n',
    newText: '  await removeIfThere(disk, copyLogName(volume))\n',
    test: DROPS_TEST,
  },
  {
    name: 'call a copy failed that is not there to be dropped',
    promise: 'an order to drop is carried out if nothing is there',
    file: `${SERVER}/src/workers/drop-copies.ts`,
    oldText: '  orders.noteDropped(received.order)\n',
    newText:
      "  if (became === 'dropped') orders.noteDropped(received.order)\n  else store.find(received.order)\n",
    test: DROPS_TEST,
  },
  {
    name: 'drop whatever copy of the volume is there',
    promise: 'an order that comes late touches no newer copy',
    file: `${SERVER}/src/volume/volume-store.ts`,
    oldText: "      if (copy?.state.replica !== replica) return 'absent'\n",
    newText: "      if (copy === undefined) return 'absent'\n",
    test: DROPS_TEST,
  },
  {
    name: 'write to a copy that goes',
    promise: 'a retired copy never writes again, neither its log nor its note',
    file: `${SERVER}/src/volume/copy-note.ts`,
    oldText: '    if (!this.#isFenced) return\n',
    newText: '    if (!this.#isFenced || this.#state !== null) return\n',
    test: `${SERVER}/test/drop-meanwhile.test.ts`,
  },
  {
    name: 'forget with a copy what its records say of the master',
    promise: 'a restored backup is known for one (R6)',
    file: `${SERVER}/src/volume/volume-copy.ts`,
    oldText: '    if (this.#witness !== null) await this.#deps.keepWitness(this.#witness)\n',
    newText: '',
    test: DROPS_TEST,
  },
  {
    name: 'drop a copy because an outdated master says so',
    promise: 'the orders of an outdated master do no harm (R6)',
    file: `${SERVER}/src/workers/drop-copies.ts`,
    oldText: 'if ((copy.witness?.counter ?? 0) > epoch)',
    newText: 'if ((copy.witness?.counter ?? 0) < 0)',
    test: DROPS_TEST,
  },
  {
    name: 'tell in a heartbeat more than a call carries',
    promise: 'a server with many copies stays in the cluster',
    file: `${SERVER}/src/volume/volume-store.ts`,
    oldText: '[...this.#changed].slice(0, changedMax)',
    newText: '[...this.#changed].slice(0, Math.max(changedMax, Infinity))',
    test: `${SERVER}/test/orders-and-heartbeats.test.ts`,
  },
  {
    name: 'carry orders out in the heartbeat',
    promise: 'no order delays a heartbeat',
    file: `${SERVER}/src/master/master-session.ts`,
    oldText: '      this.#accept(reply)\n    } catch',
    newText:
      '      this.#accept(reply)\n' +
      '      while (orders.count > 0) await this.#deps.runtime.clock.sleep(10)\n' +
      '    } catch',
    test: `${SERVER}/test/orders-and-heartbeats.test.ts`,
  },
  {
    name: 'leave what a power cut brings back of a note',
    promise: 'of a deleted volume nothing is left on any disk',
    file: `${SERVER}/src/volume/recovery.ts`,
    oldText:
      '    for (const volume of unwritten) if (!known.has(volume)) await removeUnwritten(disk, volume)\n',
    newText: '    if (unwritten.length > 1e9) await removeUnwritten(disk, 0)\n',
    test: SET_ASIDE_TEST,
  },
  {
    name: 'wait for a note that cannot be read before a copy is dropped',
    promise: 'every order is carried out',
    file: `${SERVER}/src/volume/recovery.ts`,
    oldText: '    if (note instanceof DiskError) {\n',
    newText: '    if (note instanceof DiskError) {\n      throw note\n',
    test: SET_ASIDE_TEST,
  },
]
