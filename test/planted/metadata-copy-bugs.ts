/** Bugs in the copies of the metadata that chunk servers hold, and in how their bytes are read. */
import { type PlantedBug } from './planted-bug.ts'

const CODEC = 'packages/metadata-copy'
const SERVER = 'services/chunk-server'
const TESTS = `${SERVER}/test/metadata-copies`
const WHOLE = 'what was acknowledged of the metadata is in a whole copy'

export const METADATA_COPY_BUGS: readonly PlantedBug[] = [
  {
    name: 'believe a torn piece of the metadata',
    promise: WHOLE,
    file: `${CODEC}/src/scan.ts`,
    oldText: 'return this.#crc32(storedOf({ bytes })) === header.storedCrc32',
    newText: 'return this.#crc32(storedOf({ bytes })) !== header.storedCrc32 || header.storedBytes >= 0',
    test: `${CODEC}/test/scan.test.ts`,
  },
  {
    name: 'replay change sets over a gap',
    promise: 'nothing is replayed over a gap',
    file: `${CODEC}/src/read-copy.ts`,
    oldText: "kind === 'changes' && isSamePosition(position, from)",
    newText: "kind === 'changes' && position.sequence <= from.sequence",
    test: `${CODEC}/test/read-copy.test.ts`,
  },
  {
    name: 'take the longer copy of the metadata for the newer',
    promise: 'the copy with the newest last piece is the one to recover from',
    file: `${CODEC}/src/newest.ts`,
    oldText: '.toSorted((one, other) => comparePositions(other.position, one.position))',
    newText: '.toSorted((one, other) => other.position.sequence - one.position.sequence)',
    test: `${CODEC}/test/read-copy.test.ts`,
  },
  {
    name: 'remove an older metadata copy before the newer is complete',
    promise: WHOLE,
    file: `${SERVER}/src/metadata-copies/holdings.ts`,
    oldText: '    .filter(({ isComplete }) => isComplete)\n    .map(',
    newText: '    .filter(({ isComplete, doneBytes }) => isComplete || doneBytes > 0)\n    .map(',
    test: `${TESTS}/crashes.test.ts`,
  },
  {
    name: 'acknowledge frames of the metadata before they are synced',
    promise: WHOLE,
    file: `${SERVER}/src/metadata-copies/frame-files.ts`,
    oldText: '    await file.appendv(frames.map(({ bytes }) => bytes))\n    await file.sync()\n',
    newText: '    await file.appendv(frames.map(({ bytes }) => bytes))\n    void file.sync()\n',
    test: `${TESTS}/append.test.ts`,
  },
  {
    name: 'forget that a name has to be synced as well',
    promise: WHOLE,
    file: `${SERVER}/src/metadata-copies/frame-files.ts`,
    oldText: '    this.#anchors.delete(name)\n    await this.syncNames()\n',
    newText: '    this.#anchors.delete(name)\n',
    test: `${TESTS}/append.test.ts`,
  },
  {
    name: 'write the end of a snapshot together with its parts',
    promise: WHOLE,
    file: `${SERVER}/src/metadata-copies/held-copy.ts`,
    oldText: "place.begins || frame.header.kind === 'snapshotEnd'",
    newText: "place.begins || frame.header.kind === 'changes'",
    test: `${TESTS}/append.test.ts`,
  },
  {
    name: 'write change sets behind a gap',
    promise: 'nothing is replayed over a gap',
    file: `${SERVER}/src/metadata-copies/place-frame.ts`,
    oldText: 'if (!follows(written.position, header)) {',
    newText: 'if (comparePositions(from, written.position) < 0) {',
    test: `${TESTS}/append.test.ts`,
  },
  {
    name: 'let a snapshot lead back',
    promise: WHOLE,
    file: `${SERVER}/src/metadata-copies/place-frame.ts`,
    oldText: '  if (!leadsOn) return GAP\n',
    newText: '  if (!leadsOn && schema === 0) return GAP\n',
    test: `${TESTS}/append.test.ts`,
  },
  {
    name: 'take frames of an older master that were on their way',
    promise: 'an older master is not obeyed (R6)',
    file: `${SERVER}/src/metadata-copies/metadata-copies.ts`,
    oldText: '      requireObeyed()\n      return { isGap: false,',
    newText: '      return { isGap: false,',
    test: `${TESTS}/methods.test.ts`,
  },
  {
    name: 'forget what the frames of the metadata say of the master',
    promise: 'a backup that lacks what was acknowledged is not obeyed (R5, R6)',
    file: `${SERVER}/src/parts/storage.ts`,
    oldText: 'identity.adopt(metadataCopies.witness)',
    newText: 'identity.adopt(null)',
    test: `${TESTS}/methods.test.ts`,
  },
  {
    name: 'remove a metadata copy before what it says is written down',
    promise: 'a restored backup is known for one (R6)',
    file: `${SERVER}/src/metadata-copies/metadata-copies.ts`,
    oldText: '      if (this.#witness !== null) await this.#deps.keepWitness(this.#witness)\n',
    newText: '',
    test: `${TESTS}/methods.test.ts`,
  },
  {
    name: 'append to a file of the metadata whose sync has failed',
    promise: WHOLE,
    file: `${SERVER}/src/metadata-copies/held-copy.ts`,
    oldText: '      await this.#giveUp(name, size, error)\n',
    newText: '      if (size === 0) await this.#giveUp(name, size, error)\n',
    test: `${TESTS}/sick-disk.test.ts`,
  },
  {
    name: 'take other bytes at the same place of the metadata for the same',
    promise: WHOLE,
    file: `${SERVER}/src/metadata-copies/held-copy.ts`,
    oldText: "if (found !== 'other') return found === 'same'",
    newText: "if (found !== null) return found !== 'none'",
    test: `${TESTS}/append.test.ts`,
  },
]
