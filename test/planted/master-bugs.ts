/** Bugs in what the master decides. */
import { type PlantedBug } from './planted-bug.ts'

const SQLITE = 'services/master/src/metadata/sqlite'

export const MASTER_BUGS: readonly PlantedBug[] = [
  {
    name: 'seal short',
    promise: 'a volume is sealed at its committed end (R1)',
    file: `${SQLITE}/volumes.ts`,
    oldText: '    volume.sealedLength = volume.committedEnd\n',
    newText: '    volume.sealedLength = Math.max(0, volume.committedEnd - 1)\n',
  },
  {
    name: 'seal long',
    promise: 'a volume is sealed at its committed end (R1)',
    file: `${SQLITE}/volumes.ts`,
    oldText: '    volume.sealedLength = volume.committedEnd\n',
    newText: '    volume.sealedLength = volume.committedEnd + 1\n',
  },
  {
    name: 'commit into a sealed volume',
    promise: 'a commit is accepted only if the volume is open (R2)',
    file: `${SQLITE}/volume.ts`,
    oldText: '  if (volume.state !== VOLUME_STATE.open) {\n    return failure',
    newText: '  if (volume.state < VOLUME_STATE.open) {\n    return failure',
  },
  {
    name: 'commit below the committed end',
    promise: 'the offset of a commit is at or beyond the committed end (R2)',
    file: `${SQLITE}/volume.ts`,
    oldText: '  if (chunk.offset < volume.committedEnd) {',
    newText: '  if (chunk.offset < 0) {',
    unitTest: 'services/master/test/store/volumes.test.ts',
  },
  {
    name: 'commit with fewer copies than the set',
    promise: 'the copies synced equal the set (R2)',
    file: `${SQLITE}/volume.ts`,
    oldText: '  if (chunk.copies !== volume.replicas.length) {',
    newText: '  if (chunk.copies > volume.replicas.length) {',
    unitTest: 'services/master/test/store/volumes.test.ts',
  },
  {
    name: 'carry out a repeated request',
    promise: 'a request is carried out once (R15)',
    file: `${SQLITE}/commit.ts`,
    oldText: '  if (known !== undefined) return known\n  const result = decide',
    newText: '  if (known !== undefined && !known.ok) return known\n  const result = decide',
  },
  {
    name: 'forget results when the master restarts',
    promise: 'results above the watermark are kept (R15)',
    file: `${SQLITE}/results.ts`,
    oldText: '      this.#remember(sender, sequence, decodeResults(encoded))\n',
    newText: '      void this.#remember\n',
    unitTest: 'services/master/test/store/requests.test.ts',
  },
  {
    name: 'count failed copies in a receipt',
    promise: 'a receipt counts copies that are good at the commit (R23)',
    file: `${SQLITE}/commands/write.ts`,
    oldText: '.replicas.filter(isGood)',
    newText: '.replicas.filter(() => isGood !== null)',
    unitTest: 'services/master/test/store/volumes.test.ts',
  },
  {
    name: 'leave volumes open when a server starts anew',
    promise: 'when a server restarts its open volumes are sealed (R3)',
    file: `${SQLITE}/reports.ts`,
    oldText: '  for (const volume of open) tables.volumes.seal(',
    newText: '  for (const volume of open.slice(1)) tables.volumes.seal(',
  },
  {
    name: 'overlook a precondition',
    promise: 'preconditions are decided in the commit (R17)',
    file: `${SQLITE}/commands/precondition.ts`,
    oldText: '  if (ifMatch !== null && !matches(ifMatch, version)) {',
    newText: '  if (ifMatch !== null && version === null) {',
  },
  {
    name: 'leave the old name behind when a file is moved',
    promise: 'a rename is atomic',
    file: `${SQLITE}/commands/move.ts`,
    oldText: '  tables.entries.remove(source)\n',
    newText: '',
  },
  {
    name: 'make an upload visible that is not complete',
    promise: 'nobody sees half a write',
    file: `${SQLITE}/commands/write.ts`,
    oldText: '    return size === staged ? null : failure',
    newText: '    return size >= staged ? null : failure',
    unitTest: 'services/master/test/store/namespace.test.ts',
  },
]
