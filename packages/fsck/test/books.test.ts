/** The books of a cluster, from a dump that no database is behind: nothing if they balance, and each fault by its name. */
import { expect, it } from 'vitest'
import { checkBooks } from '../src/books.ts'
import { Findings } from '../src/findings.ts'
import { type EntryKind, type Replica } from '../src/metadata.ts'
import { dumpOf, type Made, serversOf, volume } from './fixture/made-dump.ts'

const ROOT = 1
const [DIRECTORY, SMALL, LARGE, EMPTY, LINK, GONE] = [10, 11, 12, 13, 14, 15]

const entry = (parent: number, name: string, kind: EntryKind, id: number, size = 0) => {
  return { parent, name, kind, id, version: id + 100, size }
}

const copy = (replica: number, state: Replica['state'], server = 1): Replica => ({ replica, server, state })

/** One is made again, and two are of no use. */
const COPIES = [copy(70, 'in-sync'), copy(72, 'copying', 2), copy(73, 'surplus', 3), copy(74, 'dropping', 4)]

/**
 * A directory with two files and an empty one beside it; a file and a directory that were deleted, the latter still in the
 * totals with the file in it; an upload under way.
 */
const sound = (): Made => ({
  volumes: [
    { ...volume(2, 100, 100), live: { bytes: 100, chunks: 2, files: 2 }, replicas: [...COPIES] },
    volume(3, 1000),
    { ...volume(4, 0, 0), isDeleting: true, replicas: [copy(71, 'dropping')] },
  ],
  // The last one is gone with all its copies.
  deletedVolumes: [4, 5],
  copiesUnderWay: [72],
  chunks: [
    { content: 111, start: 0, length: 40, volume: 2, offset: 0 },
    { content: 115, start: 0, length: 60, volume: 2, offset: 40 },
    { content: 112, start: 0, length: 300, volume: 3, offset: 0 },
    { content: 112, start: 300, length: 200, volume: 3, offset: 300 },
    { content: 400, start: 0, length: 500, volume: 3, offset: 500 },
  ],
  versions: [
    { file: SMALL, id: 111, size: 40, content: 111 },
    { file: LARGE, id: 112, size: 500, content: 112 },
    { file: EMPTY, id: 113, size: 0, content: null },
    { file: GONE, id: 115, size: 60, content: 115 },
    { file: 22, id: 122, size: 0, content: null },
  ],
  entries: [
    entry(ROOT, 'd', 'directory', DIRECTORY),
    entry(ROOT, 'empty', 'file', EMPTY),
    entry(DIRECTORY, 'small', 'file', SMALL, 40),
    entry(DIRECTORY, 'large', 'file', LARGE, 500),
    entry(DIRECTORY, 'link', 'link', LINK),
    entry(21, 'in what was deleted', 'file', 22),
  ],
  trash: [
    { id: GONE, kind: 'file', isCounted: true },
    { id: 21, kind: 'directory', isCounted: false },
  ],
  otherContents: [400],
  spanning: [],
  totals: { files: 4, directories: 1, links: 1, fileBytes: 540 },
})

function found(change: (made: Made) => void): string[] {
  const made = sound()
  change(made)
  const findings = new Findings()
  checkBooks(dumpOf(made), made.volumes, findings)
  return findings.report().findings.map(({ kind, where, detail }) => `${kind} | ${where} | ${detail}`)
}

it('finds nothing if the books balance, whatever deleted directories still count', () => {
  expect(found(() => {})).toEqual([])
  expect(found((made) => (made.totals = { ...made.totals, files: 3 }))).toEqual([])
})

/** The large file goes on in another volume, whose books know it. */
const spread = ({ chunks, volumes, spanning }: Made): void => {
  chunks.splice(3, 1, { ...chunks[3]!, volume: 2, offset: 100 })
  volumes.splice(0, 1, {
    ...volumes[0]!,
    committedEnd: 300,
    sealedLength: 300,
    live: { bytes: 300, chunks: 3, files: 3 },
  })
  spanning.push({ content: 112, volume: 2 }, { content: 112, volume: 3 })
}

it('finds nothing where a content lies in several volumes and is written down with them', () => {
  expect(found(spread)).toEqual([])
})

const FAULTS: readonly [string, (made: Made) => void][] = [
  [
    'chunk-without-volume | content 400 | the chunk at 0 is said to be in volume 9',
    ({ chunks }) => chunks.splice(4, 1, { ...chunks[4]!, volume: 9 }),
  ],
  [
    'volume-books | content 112 | lies in volumes 2, 3, but 2 are written down',
    (made) => {
      spread(made)
      made.spanning.pop()
    },
  ],
  [
    'volume-books | content 112 | lies in volumes 3, but 2, 3 are written down',
    ({ spanning }) => spanning.push({ content: 112, volume: 2 }, { content: 112, volume: 3 }),
  ],
  [
    'volume-books | content 400 | volumes 3 are written down, but it is of no file',
    ({ spanning }) => spanning.push({ content: 400, volume: 3 }),
  ],
  ['chunk-without-referrer | content 400 | 1 chunks, 500 bytes', ({ otherContents }) => otherContents.pop()],
  [
    'content-incomplete | file 12, version 112 | 500 bytes, but its 1 chunks have 300, up to 300',
    ({ chunks }) => chunks.splice(3, 1),
  ],
  [
    'content-incomplete | content 400 | the chunks at 0 and 499 overlap',
    ({ chunks }) => chunks.push({ content: 400, start: 499, length: 1, volume: 3, offset: 0 }),
  ],
  [
    'content-incomplete | file 13, version 113 | 1 bytes, but its 0 chunks have 0, up to 0',
    ({ versions, entries, totals }) => {
      versions.splice(2, 1, { ...versions[2]!, size: 1 })
      entries.splice(1, 1, entry(ROOT, 'empty', 'file', EMPTY, 1))
      totals.fileBytes += 1
    },
  ],
  [
    'version-missing | empty (file 13) | its version 113 is not there',
    ({ versions }) => versions.splice(2, 1, { file: EMPTY, id: 99, size: 0, content: null }),
  ],
  [
    'size-differs | small (file 11) | 41 bytes in its directory, 40 in its version',
    ({ entries, totals }) => {
      entries.splice(2, 1, entry(DIRECTORY, 'small', 'file', SMALL, 41))
      totals.fileBytes += 1
    },
  ],
  [
    'version-without-file | file 15 | neither a directory nor the trash has it',
    ({ trash }) => trash.splice(0, 1),
  ],
  [
    'entry-without-parent | directory 77 | 2 names, a among them',
    ({ entries }) => entries.push(entry(77, 'a', 'link', 78), entry(77, 'b', 'link', 79)),
  ],
  ['totals-differ | links | 2 in the totals, 1 counted', ({ totals }) => (totals.links = 2)],
  ['totals-differ | file_bytes | 539 in the totals, 540 counted', ({ totals }) => (totals.fileBytes = 539)],
  [
    'volume-books | volume 3 | committed up to 999, but its chunks reach 1000',
    ({ volumes }) => volumes.splice(1, 1, volume(3, 999)),
  ],
  [
    'volume-books | volume 2 | committed up to 100, sealed at 101',
    ({ volumes }) => volumes.splice(0, 1, { ...volume(2, 100, 101), replicas: [...COPIES] }),
  ],
  [
    'volume-books | volume 3 | committed up to 1000, sealed at null',
    ({ volumes }) => volumes.splice(1, 1, { ...volume(3, 1000), isOpen: false }),
  ],
  [
    'volume-books | volume 2 | the records at 0 and 39 overlap',
    ({ chunks }) => chunks.splice(1, 1, { ...chunks[1]!, offset: 39 }),
  ],
  [
    'volume-books | volume 2 | 2 chunks, 99 bytes and 2 contents are counted, 2 chunks, 100 bytes and 2 contents are there',
    ({ volumes }) => volumes.splice(0, 1, { ...volumes[0]!, live: { bytes: 99, chunks: 2, files: 2 } }),
  ],
  [
    'volume-books | volume 3 | 3 chunks, 1000 bytes and 2 contents are counted, 3 chunks, 1000 bytes and 1 contents are there',
    ({ volumes }) => volumes.splice(1, 1, { ...volumes[1]!, live: { bytes: 1000, chunks: 3, files: 2 } }),
  ],
  [
    'volume-books | volume 3 | noted as deleted, but it is there to stay',
    ({ deletedVolumes }) => deletedVolumes.push(3),
  ],
  [
    'volume-books | volume 4 | being deleted, but not noted as that',
    ({ deletedVolumes }) => deletedVolumes.shift(),
  ],
  [
    'volume-books | volume 4 | copy 71 is in-sync, and its volume being deleted',
    ({ volumes }) => volumes.splice(2, 1, { ...volumes[2]!, replicas: [copy(71, 'in-sync')] }),
  ],
  [
    'volume-books | volume 2 | has no copy that is to stay',
    ({ volumes }) =>
      volumes.splice(0, 1, { ...volumes[0]!, replicas: [copy(70, 'dropping'), ...COPIES.slice(1, 2)] }),
  ],
  [
    'volume-books | volume 2 | has two copies on one server',
    ({ volumes }) => volumes.splice(0, 1, { ...volumes[0]!, replicas: [...COPIES, copy(75, 'lost', 3)] }),
  ],
  [
    'volume-books | volume 2 | copy 72 is copying, and not said to be under way',
    ({ copiesUnderWay }) => copiesUnderWay.pop(),
  ],
  [
    'volume-books | volume 2 | copy 73 is surplus, and said to be under way',
    ({ copiesUnderWay }) => copiesUnderWay.push(73),
  ],
  [
    'volume-books | copy 99 | is said to be under way, and there is none',
    ({ copiesUnderWay }) => copiesUnderWay.push(99),
  ],
  [
    'volume-books | volume 3 | copy 76 is surplus, and its volume is open',
    ({ volumes }) => volumes.splice(1, 1, { ...volumes[1]!, replicas: [copy(76, 'surplus')] }),
  ],
  [
    'volume-books | volume 2 | copy 73 is on server 3, and there is none',
    (made) => (made.servers = serversOf(made).filter(({ id }) => id !== 3)),
  ],
  [
    'volume-books | volume 3 | is open, with a copy on server-9, which was removed',
    (made) => {
      made.volumes.splice(1, 1, { ...volume(3, 1000), replicas: [copy(77, 'open', 9)] })
      made.servers = serversOf(made).map((server) => ({ ...server, isRemoved: server.id === 9 }))
    },
  ],
  [
    'chunk-without-volume | content 115 | the chunk at 0 is said to be in volume 4',
    ({ chunks, volumes }) => {
      chunks.splice(1, 1, { ...chunks[1]!, volume: 4 })
      volumes.splice(0, 1, { ...volume(2, 100, 100), replicas: [...COPIES] })
      volumes.splice(2, 1, { ...volumes[2]!, committedEnd: 100, sealedLength: 100 })
    },
  ],
]

it.each(FAULTS)('%s', (finding, plant) => {
  expect(found(plant)).toEqual([finding])
})

it('names what can no longer be asked for, by the bytes of its whole path', () => {
  const name = 'ä'.repeat(127)
  const deep = Array.from({ length: 17 }, (_, index) => {
    return entry(index === 0 ? ROOT : 500 + index, name, 'directory', 501 + index)
  })
  const findings = found(({ entries, totals }) => {
    entries.push(...deep)
    totals.directories += deep.length
  })
  expect(findings).toEqual([`path-too-long | ${name} (in directory 516) | its path has ${17 * 255} bytes`])
})

it('ends with directories that are in each other, and counts them nowhere', () => {
  const circle = [entry(31, 'a', 'directory', 30), entry(30, 'b', 'directory', 31)]
  expect(found(({ entries }) => entries.push(...circle))).toEqual([])
})

it('names so many of one kind, and goes on with the others', () => {
  const findings = found(({ otherContents, chunks }) => {
    otherContents.length = 0
    for (let content = 2000; content < 3500; content += 1) {
      chunks.push({ content, start: 0, length: 1, volume: 9, offset: content })
    }
  })
  const count = (kind: string): number => findings.filter((line) => line.startsWith(`${kind} `)).length
  expect([count('chunk-without-volume'), count('chunk-without-referrer')]).toEqual([1000, 1000])
})
