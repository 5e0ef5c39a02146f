/**
 * Prints how fast the store commits batches of 64 small writes and looks them up, on the disk of the temporary directory;
 * a measurement to run by hand: `node services/master/test/speed/commit-speed.ts [batches]`.
 */
import { performance } from 'node:perf_hooks'
import { openAt, removeTemporaryDirectories, temporaryDirectory } from '../fixture/engines.ts'
import { StoreBench } from '../fixture/store-bench.ts'

const BATCH = 64
const batches = Number(process.argv[2] ?? 500)
const b = new StoreBench(await openAt(temporaryDirectory()))
await b.addServers(3)
const order = await b.volume()
const durations: number[] = []
const startedAt = performance.now()
for (let batch = 0; batch < batches; batch += 1) {
  const writes = Array.from({ length: BATCH }, (_, index) =>
    b.write(`/dir-${batch % 50}/file-${batch}-${index}`, b.chunk(order, 1024)),
  )
  const at = performance.now()
  const results = await b.commitAs(b.servers[0]!, writes, writes[0]!.id.number)
  durations.push(performance.now() - at)
  if (!results.every((result) => result.ok)) throw new Error('a write failed')
  await new Promise((resolve) => setImmediate(resolve))
}
const seconds = (performance.now() - startedAt) / 1000
const sorted = durations.toSorted((x, y) => x - y)
const at = (share: number): string => sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(2)
console.log(`${Math.round((batches * BATCH) / seconds)} writes/s in batches of ${BATCH}`)
console.log(`a batch takes ${at(0.5)} ms (median), ${at(0.99)} ms (p99), ${at(1)} ms (most)`)

const lookupsAt = performance.now()
for (let batch = 0; batch < batches; batch += 1) {
  const found = await b.store.lookupBatch(
    Array.from({ length: BATCH }, (_, index) => {
      const path = `/dir-${batch % 50}/file-${batch}-${index}` as never
      return { by: 'path', path, version: null, fromByte: 0, chunksMax: 64 } as const
    }),
  )
  if (!found.every(({ kind }) => kind === 'file')) throw new Error('a file is missing')
}
const lookupSeconds = (performance.now() - lookupsAt) / 1000
console.log(`${Math.round((batches * BATCH) / lookupSeconds)} look-ups/s`)
const closedAt = performance.now()
await b.store.close()
console.log(`closing takes ${Math.round(performance.now() - closedAt)} ms`)
removeTemporaryDirectories()
