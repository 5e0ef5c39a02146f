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
]
