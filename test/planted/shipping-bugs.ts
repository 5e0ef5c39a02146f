/** Bugs in how the master brings copies of its metadata to chunk servers, and in what it does when it cannot. */
import { type PlantedBug } from './planted-bug.ts'

const SHIPPING = 'services/master/src/shipping'
const TEST = 'services/master/test/shipping/shipping.test.ts'
const WHOLE = 'what counts of the metadata elsewhere is in a whole copy, synced (R25)'
const ONE = 'one master acknowledges (R25)'

export const SHIPPING_BUGS: readonly PlantedBug[] = [
  {
    name: 'count a holder that never had a whole copy',
    promise: WHOLE,
    file: `${SHIPPING}/holder-link.ts`,
    oldText: 'return this.#state?.position?.sequence ?? -1',
    newText: 'return this.#state?.end?.sequence ?? -1',
    test: TEST,
  },
  {
    name: 'replace holders without the old ones',
    promise: 'whoever reaches most of a set of holders learns of the one that counts (R25)',
    file: `${SHIPPING}/holder-set.ts`,
    oldText: 'this.placedBy(enoughToChange(this.counting.length)) >= this.#proposedAt',
    newText: 'this.placedBy(enoughToChange(this.counting.length)) >= -1',
    test: TEST,
  },
  {
    name: 'go on as a master that nobody hears any more',
    promise: ONE,
    file: 'services/master/src/domain/shipping/fence.ts',
    oldText: 'if (nowMs - aloneSinceMs < FENCE_AFTER_MS) return null',
    newText: 'if (aloneSinceMs <= nowMs) return null',
    test: TEST,
  },
  {
    name: 'go on as a master that most holders refuse',
    promise: ONE,
    file: 'services/master/src/domain/shipping/fence.ts',
    oldText: 'if (most > 0 && refusing >= most) {',
    newText: 'if (most > 0 && refusing > holders.length) {',
    test: TEST,
  },
  {
    name: 'let change sets overtake the beginning of a snapshot',
    promise: WHOLE,
    file: `${SHIPPING}/change-log.ts`,
    oldText: '      if (frame.to.sequence > this.#heldAt) break\n',
    newText: '',
    test: TEST,
  },
  {
    name: 'overwrite a copy that has what the metadata lacks',
    promise: 'a restored backup changes no copy (R6, R25)',
    file: `${SHIPPING}/holder-link.ts`,
    oldText: 'if (isNew && state.end !== null && !(await',
    newText: 'if (isNew && state.end !== null && state.end.counter < 0 && !(await',
    test: TEST,
  },
  {
    name: 'let results leave before the copies have them',
    promise: 'with DFS_METADATA_ACK=copies nothing acknowledged is lost (R25)',
    file: `${SHIPPING}/ack-gate.ts`,
    oldText: '    if (sequence <= this.#placed) return\n',
    newText: '    if (sequence <= this.#placed || sequence > 0) return\n',
    test: TEST,
  },
  {
    name: 'delete as a master that most holders do not confirm',
    promise: ONE,
    file: 'services/master/src/workers/delete-empty.ts',
    oldText: '  if (fenced !== null) return fenced\n',
    newText: '',
    test: 'services/master/test/workers.test.ts',
  },
]
