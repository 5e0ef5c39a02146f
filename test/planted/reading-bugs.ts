/** Bugs in what reads say of copies. */
import { type PlantedBug } from './planted-bug.ts'

export const READING_BUGS: readonly PlantedBug[] = [
  {
    name: 'receipt of the commit on reads',
    promise: 'reads say what copies are good now',
    file: 'packages/public-api/src/structured-field.ts',
    oldText: '= now ?? { ...info, firstChunks: null }',
    newText: '= { ...info, firstChunks: null, ...(now === null ? null : {}) }',
    test: 'packages/public-api/test/files.test.ts',
  },
  {
    name: 'copies of servers that are away counted as good',
    promise: 'reads say what copies are good now',
    file: 'services/master/src/domain/metadata/lookup.ts',
    oldText: 'isThere: (server) => there.has(server),',
    newText: 'isThere: () => there !== null,',
    test: 'services/master/test/store/kept-now.test.ts',
  },
  {
    name: 'copies of the first volume alone looked at',
    promise: 'a file is kept as well as its weakest chunk',
    file: 'services/master/src/domain/copies/good-copies.ts',
    oldText: '    copies = Math.min(copies, standing.copies)\n',
    newText: '    if (copies === Infinity) copies = standing.copies\n',
    test: 'services/master/test/store/kept-now.test.ts',
  },
  {
    name: 'read of silent copies without end',
    promise: 'a read is refused in time',
    file: 'services/chunk-server/src/reading/hedged-read.ts',
    oldText: 'Math.min(patienceMs - this.#waitedMs(entrant), this.#leftMs)',
    newText: 'Math.max(patienceMs - this.#waitedMs(entrant), Math.min(this.#leftMs, 0))',
    test: 'services/chunk-server/test/hedged-read.test.ts',
  },
  {
    name: 'last copy not asked for want of budget',
    promise: 'each copy is asked before a read is refused',
    file: 'services/chunk-server/src/reading/hedged-read.ts',
    oldText: 'return isItsTurn || source.isDoubtful ||',
    newText: 'return (isItsTurn && source.isDoubtful) ||',
    test: 'services/chunk-server/test/hedged-read.test.ts',
  },
  {
    name: 'file on a silent server called lost',
    promise: 'a read that begins while servers restart is tried again',
    file: 'services/chunk-server/src/reading/refusal.ts',
    oldText: 'directory.isDead(server) || troubles',
    newText: 'server > 0 || troubles',
    test: 'services/chunk-server/test/chunk-reader.test.ts',
  },
  {
    name: 'lost file asked for for a minute',
    promise: 'a file without a copy is refused in time',
    file: 'packages/client/src/caller.ts',
    oldText: "retry !== 'no' && !isLost,",
    newText: "(retry !== 'no' || isLost),",
    test: 'packages/client/test/failures.test.ts',
  },
]
