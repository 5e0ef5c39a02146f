/** Tickets of writes that are passed on: what is settled stays true, whatever commits are under way or still to come. */
import {
  type Command,
  type CommandResult,
  DfsError,
  failure,
  type FilePath,
  UNCONDITIONAL,
  type WriteTicket,
} from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { PassedWrites } from '../src/passing/passed-writes.ts'

const EPOCH = 7
const SENDER = { server: 1, incarnation: 1, watermark: 1 }
let number = 0

function writeOf(ticket: WriteTicket | null): Command {
  number += 1
  return {
    kind: 'write',
    id: { server: 1, incarnation: 1, number },
    path: '/f' as FilePath,
    precondition: UNCONDITIONAL,
    contentType: 'text/plain',
    executable: false,
    size: 0,
    crc32: 0,
    sha256: null,
    chunk: null,
    upload: null,
    ...(ticket === null ? null : { ticket }),
  }
}

const success = (operation: number): CommandResult => ({
  ok: true,
  operation,
  entry: 1,
  decidedMs: 0,
  created: true,
  copies: 3,
  zones: 3,
})

/** A store whose answer a test gives. */
function heldCommit() {
  const answer = Promise.withResolvers<CommandResult[]>()
  const seen: Command[][] = []
  return {
    seen,
    answer,
    commit: ({ commands }: { commands: readonly Command[] }) => {
      seen.push([...commands])
      return answer.promise
    },
  }
}

const batch = (...commands: Command[]) => ({ ...SENDER, commands })
const isPending = async (promise: Promise<unknown>): Promise<boolean> => {
  const pending = Symbol('pending')
  await new Promise((resolve) => setImmediate(resolve))
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending
}

describe('an attempt that is settled', () => {
  it('has written nothing, and never will', async () => {
    const passed = new PassedWrites(EPOCH)
    const ticket = passed.open()
    expect(await passed.settle(ticket)).toBeNull()
    const { commit, seen } = heldCommit()
    expect(await passed.guard(batch(writeOf(ticket)), commit)).toMatchObject([{ code: 'UNAVAILABLE' }])
    expect(seen).toEqual([])
  })

  it('waits for the commit that is under way, and tells what it has written', async () => {
    const passed = new PassedWrites(EPOCH)
    const ticket = passed.open()
    const store = heldCommit()
    const command = writeOf(ticket)
    const committed = passed.guard(batch(command), store.commit)
    const settled = passed.settle(ticket)
    expect(await isPending(settled)).toBe(true)
    // The same command again, which the chunk server repeats for lack of an answer, does not begin another one.
    expect(await passed.guard(batch(command), store.commit)).toMatchObject([{ code: 'UNAVAILABLE' }])
    store.answer.resolve([success(5)])
    expect(await committed).toEqual([success(5)])
    expect(await settled).toEqual({ command, success: success(5) })
  })

  it('has written nothing if the commit was refused, and may try again only before', async () => {
    const passed = new PassedWrites(EPOCH)
    const ticket = passed.open()
    const sealed = failure('VOLUME_SEALED', 'sealed')
    expect(await passed.guard(batch(writeOf(ticket)), async () => [sealed])).toEqual([sealed])
    expect(await passed.guard(batch(writeOf(ticket)), async () => [success(6)])).toEqual([success(6)])
    expect(await passed.settle(ticket)).toMatchObject({ success: { operation: 6 } })
  })

  it('is unknown if the store itself has failed, but not if it took nothing', async () => {
    const passed = new PassedWrites(EPOCH)
    const [failed, refused] = [passed.open(), passed.open()]
    const busy = new DfsError('TOO_BUSY', 'full')
    for (const [ticket, error] of [
      [failed, new Error('the disk is gone')],
      [refused, busy],
    ] as const) {
      await expect(passed.guard(batch(writeOf(ticket)), () => Promise.reject(error))).rejects.toBe(error)
    }
    await expect(passed.settle(failed)).rejects.toMatchObject({ code: 'TIMEOUT_ERROR' })
    expect(await passed.settle(refused)).toBeNull()
  })
})

it('a ticket of an earlier start, and one that was answered, let nothing through', async () => {
  const passed = new PassedWrites(EPOCH)
  const answered = passed.open()
  passed.close(answered)
  for (const ticket of [answered, { epoch: EPOCH - 1, number: 2 }, { epoch: EPOCH, number: 99 }]) {
    const { commit, seen } = heldCommit()
    expect(await passed.guard(batch(writeOf(ticket)), commit)).toMatchObject([{ code: 'UNAVAILABLE' }])
    expect(seen).toEqual([])
  }
})

it('a refused command leaves its neighbours theirs, in their order', async () => {
  const passed = new PassedWrites(EPOCH)
  const [closed, open] = [passed.open(), passed.open()]
  await passed.settle(closed)
  const commands = [writeOf(null), writeOf(closed), writeOf(open), writeOf(null)]
  const seen: Command[] = []
  const results = await passed.guard(batch(...commands), async (allowed) => {
    seen.push(...allowed.commands)
    return [success(1), success(2), failure('FILE_EXISTS', '/f')]
  })
  expect(seen).toEqual([commands[0], commands[2], commands[3]])
  expect(results).toMatchObject([success(1), { code: 'UNAVAILABLE' }, success(2), { code: 'FILE_EXISTS' }])
})
