/** Bugs in what the master gives to copies of its metadata elsewhere, and in what becomes of a backup. */
import { type PlantedBug } from './planted-bug.ts'

const SQLITE = 'services/master/src/metadata/sqlite'
const STORE_TESTS = 'services/master/test/store'

export const SOURCE_BUGS: readonly PlantedBug[] = [
  {
    name: 'capture no change of the first transaction',
    promise: 'what was changed is in a change set',
    file: `${SQLITE}/change-capture.ts`,
    oldText: '    this.#session = database.createSession()\n',
    newText: '    this.#session = null\n',
    test: `${STORE_TESTS}/change-capture.test.ts`,
  },
  {
    name: 'begin a snapshot where no change set ends',
    promise: 'change sets go on where a snapshot ends',
    file: `${SQLITE}/sqlite-source.ts`,
    oldText: '    this.flush()\n    const position = this.position()\n',
    newText: '    const position = this.position()\n',
    test: `${STORE_TESTS}/snapshot.test.ts`,
  },
  {
    name: 'read the database file without what the log has of it',
    promise: 'a snapshot is the database of one position',
    file: `${SQLITE}/snapshot-reader.ts`,
    oldText: '    if (checkpointed === log) return null\n',
    newText: '    if (checkpointed <= log) return null\n',
    test: `${STORE_TESTS}/snapshot.test.ts`,
  },
  {
    name: 'start the log again under a snapshot',
    promise: 'no answer waits for a snapshot',
    file: `${SQLITE}/checkpointer.ts`,
    oldText: "    if (this.#isClosing || outcome === 'full' || this.#holder !== null) return\n",
    newText: "    if (this.#isClosing || outcome === 'full') return\n",
    test: `${STORE_TESTS}/snapshot.test.ts`,
  },
  {
    name: 'hold the log back without a bound',
    promise: 'a snapshot is given up rather than fill the disk',
    file: `${SQLITE}/checkpointer.ts`,
    oldText: '    if (log < this.#limits.framesHeldMax && bytes < bavail * bsize) return\n',
    newText: '    if (bytes < bavail * bsize) return\n',
    test: `${STORE_TESTS}/snapshot.test.ts`,
  },
  {
    name: 'close another descriptor of the database',
    promise: 'the locks of SQLite outlast a snapshot',
    file: `${SQLITE}/snapshot-reader.ts`,
    oldText: '    await this.#rest(sizeBytes)\n',
    newText: "    await this.#rest(sizeBytes)\n    closeSync(openSync(this.#its.file, 'r'))\n",
    test: `${STORE_TESTS}/snapshot.test.ts`,
  },
  {
    name: 'keep change sets for nobody',
    promise: 'nothing is kept for nobody',
    file: `${SQLITE}/change-capture.ts`,
    oldText: '    if (this.#onChanges === null) this.close()\n',
    newText: '    if (this.#onChanges === null) return\n',
    test: `${STORE_TESTS}/change-capture.test.ts`,
  },
  {
    name: 'keep a backup before it was looked at',
    promise: 'what has the name of a backup is whole',
    file: 'packages/cli/src/local/backup-file.ts',
    oldText: '    requireSound(temporary, info)\n',
    newText: '',
    test: 'packages/cli/test/backup.test.ts',
  },
  {
    name: 'take a backup that broke off for the whole',
    promise: 'what has the name of a backup is whole',
    file: 'packages/client/src/backup.ts',
    oldText: '    checkWhole(answer, info, { count, sum: formatCrc32(sum) })\n',
    newText: '',
    test: 'packages/client/test/backup.test.ts',
  },
]
