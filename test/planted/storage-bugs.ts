/** Bugs in how chunk servers keep bytes. */
import { type PlantedBug } from './planted-bug.ts'

const COPY = 'services/chunk-server/src/volume/volume-copy.ts'

export const STORAGE_BUGS: readonly PlantedBug[] = [
  {
    name: 'acknowledge before the sync',
    promise: 'an acknowledged write has been synced on every copy',
    file: COPY,
    oldText: '      await file.appendv(pieces)\n      await file.sync()\n',
    newText: '      await file.appendv(pieces)\n',
  },
  {
    name: 'no sync of the directory',
    promise: 'what is durable is synced and named',
    file: 'packages/core/src/durable-file.ts',
    oldText: '  await disk.syncDirectory(parentOf(name))\n',
    newText: '',
  },
  {
    name: 'retry a failed sync',
    promise: 'after a failed sync a file is never trusted or synced again',
    file: COPY,
    oldText: '      await file.appendv(pieces)\n      await file.sync()\n',
    newText: '      await file.appendv(pieces)\n      await file.sync().catch(() => file.sync())\n',
  },
  {
    name: 'go on after a failed write',
    promise: 'after a failed sync a file is never trusted or synced again',
    file: COPY,
    oldText: "      else await this.#change({ state: 'failed' })\n",
    newText: '',
    test: 'services/chunk-server/test/volume-copy.test.ts',
  },
  {
    name: 'append behind a batch that had no room',
    promise: 'a replica appends only at its synced length',
    file: COPY,
    oldText: "error.kind === 'full') this.#isFull = true",
    newText: "error.kind === 'full') this.#isFull = false",
    test: 'services/chunk-server/test/volume-copy.test.ts',
  },
  {
    name: 'cut off what recovery cannot read',
    promise: 'recovery truncates nothing before the master has answered (R10)',
    file: COPY,
    oldText: '    copy.#syncedLength = survey.validTo\n',
    newText:
      '    copy.#syncedLength = survey.validTo\n    await copy.#withFile((file) => file.truncate(survey.validTo))\n',
  },
  {
    name: 'append at any offset',
    promise: 'a replica appends only at its synced length (R3)',
    file: COPY,
    oldText: 'if (this.#appendingSinceMs !== null || offset !== this.#syncedLength) {',
    newText: 'if (this.#appendingSinceMs !== null) {',
  },
  {
    name: 'take a seal without keeping it',
    promise: 'every order is carried out, and a sealed copy is verified (R8, R18)',
    file: COPY,
    oldText: "    if (this.#state.state !== 'open') return await this.#saved\n",
    newText: "    if (this.#state.state !== 'open' || sealedLengthBytes > 0) return await this.#saved\n",
  },
  {
    name: 'start twice in one incarnation',
    promise: 'the incarnation is raised at each start',
    file: 'services/chunk-server/src/identity.ts',
    oldText: 'const incarnation = nextIncarnation(found?.incarnation ?? 0, random)',
    newText: 'const incarnation = found?.incarnation ?? nextIncarnation(0, random)',
  },
  {
    name: 'call a copy verified that was not read to its end',
    promise: 'a copy is in-sync only when every block was verified (R8)',
    file: COPY,
    oldText: '    await this.#noteVerified(damaged[0]?.at ?? sealedLengthBytes)\n',
    newText: '    await this.#noteVerified(sealedLengthBytes)\n',
  },
  {
    name: 'read without checking the blocks',
    promise: 'every block is verified before it leaves',
    file: 'services/chunk-server/src/files/chunk-reader.ts',
    oldText: ' || !areBlocksValid(header, firstBlock, blocks, crc32)) {',
    newText: ' || crc32 === null || areBlocksValid === null) {',
  },
  {
    name: 'read whatever record stands there',
    promise: 'a misdirected or stale write is never served (R4)',
    file: 'services/chunk-server/src/files/chunk-reader.ts',
    oldText: 'if (header === null || !isExpectedRecord(header, chunk)) {',
    newText: 'if (header === null || isExpectedRecord === null) {',
    seedsMax: 200,
  },
  {
    name: 'believe what stands beside a log',
    promise: 'what is written down beside a log is whole',
    file: 'packages/core/src/checked-json.ts',
    oldText: 'format(crc32(utf8(summed))) !== sum',
    newText: 'sum === undefined',
  },
  {
    name: 'keep the identity once',
    promise: 'a server stays itself on a disk with bad places',
    file: 'services/chunk-server/src/identity-files.ts',
    oldText: 'for (const name of IDENTITY_FILES) await writeEssential',
    newText: 'for (const name of IDENTITY_FILES.slice(0, 1)) await writeEssential',
  },
  {
    name: 'take the older identity',
    promise: 'a server forgets nothing of the master that it has written down',
    file: 'services/chunk-server/src/identity-files.ts',
    oldText: 'compareAge(right, left)',
    newText: 'compareAge(left, right)',
    test: 'services/chunk-server/test/identity.test.ts',
  },
]
