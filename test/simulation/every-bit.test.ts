/**
 * Every bit of a volume is flipped, one at a time, under running servers. Through the whole read path come the right bytes,
 * from another copy where need be; and where no copy has them comes an error, never other bytes.
 */
import { assert } from '@dfs/core'
import { DfsError } from '@dfs/protocol'
import { type SimNode } from '@dfs/sim-runtime'
import { beforeAll, expect, test } from 'vitest'
import { SimCluster } from './sim-cluster.ts'
import { getFile, putFile } from './sim-files.ts'

const CONTENTS = [40, 12, 90].map((size, index) => new Uint8Array(size).map((_, at) => at * 31 + index + 1))
const pathOf = (index: number): string => `/${index}`

let cluster: SimCluster
let nodes: readonly SimNode[]
/** The log with all files, and what is in it on every server. */
let log: string
let pristine: Uint8Array
/** Where the record of each file ends, and where its content starts. */
let records: { readonly contentAt: number; readonly end: number }[]

beforeAll(async () => {
  cluster = new SimCluster({ seed: 'every bit', chunkServers: 3 })
  const { simulation } = cluster
  nodes = cluster.chunkNodes
  await simulation.complete(() => cluster.start())
  // Volumes of the first moments may have two copies; they are replaced when all servers are known.
  await simulation.run({ untilMs: simulation.nowMs + 5000 })
  await simulation.complete(async () => {
    for (const [index, content] of CONTENTS.entries()) {
      await putFile(cluster.server(nodes[0]!), pathOf(index), content)
    }
  })
  const { disk } = nodes[0]!
  const logs = disk.names.list('volumes').map((name) => `volumes/${name}`)
  const used = logs.filter((name) => name.endsWith('.log') && disk.peek(name)!.byteLength > 0)
  assert(used.length === 1, 'one log has all files')
  log = used[0]!
  pristine = disk.peek(log)!.slice()
  for (const node of nodes) {
    assert(Buffer.from(node.disk.peek(log)!).equals(pristine), `the copy of ${node.name} is the same`)
  }
  let from = 0
  records = CONTENTS.map((content) => {
    const contentAt = Buffer.from(pristine).indexOf(content, from)
    from = contentAt + content.byteLength
    return { contentAt, end: from }
  })
  assert(from === pristine.byteLength, 'the records fill the log')
})

/** The file in whose record a byte of the log lies. */
const fileAt = (at: number): number => records.findIndex(({ end }) => at < end)

function flip(copies: readonly SimNode[], bit: number): void {
  for (const { disk } of copies) disk.flipBit(log, bit >> 3, bit & 7)
}

/** Takes back whatever was changed, by the test or by a repair that came in between. */
function restore(copies: readonly SimNode[]): void {
  for (const { disk } of copies) {
    const bytes = disk.peek(log)!
    for (const [at, byte] of pristine.entries()) {
      for (let bit = 0; bit < 8; bit += 1) {
        if (((bytes[at]! ^ byte) >> bit) & 1) disk.flipBit(log, at, bit)
      }
    }
  }
}

test('one copy with a flipped bit, whichever: its own server and the others give the right bytes', async () => {
  const { simulation } = cluster
  let reads = 0
  await simulation.complete(async () => {
    for (let bit = 0; bit < 8 * pristine.byteLength; bit += 1) {
      const harmed = nodes[bit % nodes.length]!
      const index = fileAt(bit >> 3)
      for (const reader of nodes) {
        // A read may have mended it.
        restore([harmed])
        flip([harmed], bit)
        const read = await getFile(cluster.server(reader), pathOf(index))
        assert(
          Buffer.from(read).equals(CONTENTS[index]!),
          `the bytes of ${index} through ${reader.name} with bit ${bit} flipped on ${harmed.name}`,
        )
        reads += 1
      }
      restore([harmed])
    }
  })
  expect(reads).toBe(8 * pristine.byteLength * nodes.length)
})

test('the same bit flipped in every copy: an error, or the right bytes where it lies in none of them', async () => {
  const { simulation } = cluster
  let [errors, contentBits] = [0, 0]
  await simulation.complete(async () => {
    for (let bit = 0; bit < 8 * pristine.byteLength; bit += 1) {
      const index = fileAt(bit >> 3)
      const isContent = bit >> 3 >= records[index]!.contentAt
      if (isContent) contentBits += 1
      flip(nodes, bit)
      const reader = cluster.server(nodes[bit % nodes.length]!)
      const read = await getFile(reader, pathOf(index)).catch((error: unknown) => {
        if (error instanceof DfsError && error.code === 'DATA_UNAVAILABLE') return null
        throw new Error(`a read with bit ${bit} flipped everywhere`, { cause: error })
      })
      if (read === null) errors += 1
      else {
        assert(!isContent, `bit ${bit}, flipped everywhere, is noticed`)
        assert(
          Buffer.from(read).equals(CONTENTS[index]!),
          `the bytes of ${index} with bit ${bit} flipped everywhere`,
        )
      }
      restore(nodes)
    }
  })
  expect(errors, 'every bit of the contents is noticed, and some of the headers').toBeGreaterThan(contentBits)
})
