/** What a refused read says: whose copies there were, what was the matter with each, and whether another try is worth it. */
import { DiskError, TransportError } from '@dfs/core'
import { ManualClock } from '@dfs/core/testing'
import { DfsError, type FilePath, type LocatedChunk, type ServerInfo } from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { ServerDirectory } from '../src/master/server-directory.ts'
import { NoAnswerError } from '../src/reading/hedged-read.ts'
import { hasSaidNo, refusalOf, type Trouble } from '../src/reading/refusal.ts'

const [ALIVE, SUSPECT, DEAD, REPLACED] = [1, 2, 3, 4]
const NO: Trouble = { hasSaidNo: true, trouble: 'no copy here' }
const SILENT: Trouble = { hasSaidNo: false, trouble: 'no answer' }

function directoryOf(): ServerDirectory {
  const directory = new ServerDirectory(new ManualClock())
  const server = (id: number, liveness: ServerInfo['liveness'], internalAddress = `s${id}`) =>
    ({ id, name: `chunk-${id}`, liveness, internalAddress }) as ServerInfo
  directory.update([
    server(ALIVE, 'alive'),
    server(SUSPECT, 'suspect'),
    server(DEAD, 'dead'),
    server(REPLACED, 'suspect', 'place'),
    server(5, 'alive', 'place'),
  ])
  return directory
}

function refusal(
  troubles: Readonly<Record<number, Trouble | null>>,
  lostOn: readonly number[] = [],
): DfsError {
  const servers = Object.keys(troubles).map(Number)
  const known = Object.entries(troubles).flatMap(([server, trouble]) =>
    trouble === null ? [] : [[Number(server), trouble] as const],
  )
  const chunk = { start: 100 } as LocatedChunk
  const step = { chunk, servers, lostOn, from: 5, to: 25 }
  return refusalOf({ path: '/a' as FilePath, step, troubles: new Map(known) }, directoryOf())
}

describe('a refusal', () => {
  it.each<[string, Readonly<Record<number, Trouble | null>>, boolean]>([
    ['there is no copy at all', {}, true],
    ['all have said no', { [ALIVE]: NO, [SUSPECT]: NO }, true],
    ['all are dead, asked or not', { [DEAD]: null }, true],
    ['the rest is dead', { [ALIVE]: NO, [DEAD]: SILENT }, true],
    ['one that is alive says nothing', { [ALIVE]: SILENT, [DEAD]: SILENT }, false],
    ['one is only silent', { [ALIVE]: NO, [SUSPECT]: SILENT }, false],
    ['one was not asked in time', { [ALIVE]: NO, [SUSPECT]: null }, false],
  ])('is that of a lost file, or of a moment: %s', (_, troubles, isLost) => {
    expect(refusal(troubles)).toMatchObject({ code: 'DATA_UNAVAILABLE', isLost })
  })

  it('says which bytes of which file, and names each server with its trouble', () => {
    const { detail } = refusal({ [ALIVE]: NO, [SUSPECT]: null, [DEAD]: SILENT, [REPLACED]: NO }, [5])
    expect(detail).toBe(
      '/a: no copy of bytes 105 to 125 can be read: chunk-1: no copy here; chunk-2: it was not asked in time; ' +
        'chunk-3 is dead (no answer); chunk-4 runs on another disk now (no copy here); chunk-5 has started without its copy',
    )
    expect(refusal({}).detail).toBe('/a: no copy of bytes 105 to 125 can be read: there is none')
  })
})

it('what a holder has said no with is not silence', () => {
  const refused = new DfsError('VOLUME_NOT_FOUND', 'no copy here')
  expect([null, refused, new DiskError('io', 'a bad sector')].map(hasSaidNo)).toEqual([true, true, true])
  const stopping = new DfsError('UNAVAILABLE', 'it is stopping')
  const silent = [new TransportError('refused', { wasSent: false }), new NoAnswerError('none'), stopping]
  expect(silent.map(hasSaidNo)).toEqual([false, false, false])
})
