/** A body that may have to start over: all of it while it is short, and none of it kept when it is long. */
import { type ByteSource } from '@dfs/core'
import { ManualClock } from '@dfs/core/testing'
import { SMALL_WRITE_BYTES_MAX } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { HeldBody } from '../src/passing/held-body.ts'

const sourceOf = (...pieces: readonly Uint8Array[]): ByteSource => {
  let at = 0
  return { next: async () => pieces[at++] ?? null }
}

async function readAll(source: ByteSource): Promise<number[]> {
  const bytes: number[] = []
  for (let piece = await source.next(); piece !== null; piece = await source.next()) bytes.push(...piece)
  return bytes
}

it('starts over from its first byte, whether all of it was read, a part, or nothing', async () => {
  const body = new HeldBody(
    sourceOf(Uint8Array.of(1, 2), Uint8Array.of(3), Uint8Array.of(4)),
    new ManualClock(),
  )
  body.begin()
  await body.begin()!.next()
  expect(await readAll(body.begin()!)).toEqual([1, 2, 3, 4])
  expect(await readAll(body.begin()!)).toEqual([1, 2, 3, 4])
})

it('hands a piece that an earlier reader was waiting for to the one that took over, once', async () => {
  const piece = Promise.withResolvers<Uint8Array | null>()
  const answers = [piece.promise, Promise.resolve(Uint8Array.of(2)), Promise.resolve(null)]
  const body = new HeldBody({ next: () => answers.shift() ?? Promise.resolve(null) }, new ManualClock())
  const abandoned = body.begin()!.next()
  const all = readAll(body.begin()!)
  piece.resolve(Uint8Array.of(1))
  expect(await all).toEqual([1, 2])
  expect(await abandoned).toBeNull()
})

it('is gone once more has come than a short write has, and is read to its end nevertheless', async () => {
  const half = new Uint8Array(SMALL_WRITE_BYTES_MAX / 2)
  const body = new HeldBody(sourceOf(half, half, Uint8Array.of(7), Uint8Array.of(8)), new ManualClock())
  const reader = body.begin()!
  await reader.next()
  await reader.next()
  expect(body.canBegin).toBe(true)
  expect(await reader.next()).toEqual(Uint8Array.of(7))
  expect(body.canBegin).toBe(false)
  expect(await readAll(reader)).toEqual([8])
  expect(body.begin()).toBeNull()
})

it('fails for every reader as its source does', async () => {
  const failure = new Error('the client has gone')
  const body = new HeldBody({ next: () => Promise.reject(failure) }, new ManualClock())
  await expect(body.begin()!.next()).rejects.toBe(failure)
  await expect(body.begin()!.next()).rejects.toBe(failure)
})
