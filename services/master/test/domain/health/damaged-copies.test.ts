/** Damage that is in every copy of a volume: most of its files can be read, so they are not lost. */
import { describe, expect, it } from 'vitest'
import { type Copy, dead, notHeard, server, volumeWith } from './books-of-copies.ts'
import { codesOf, healthIn, reason, three } from './health-in.ts'

describe('a volume of which every copy is damaged somewhere', () => {
  /** As a server says that has read it, and found a record wrong. */
  const read = (id: number): Copy => ({ server: id, state: 'unverified', verifiedTo: 500 })
  /** One whose disk has failed a write: what was committed before may all be there. */
  const failed = (id: number): Copy => ({ server: id, state: 'damaged' })
  const files = { files: 301, bytes: 2 ** 20 }

  it('is no loss while a server is there that has it: most can be read', () => {
    const view = healthIn({ servers: three, volumes: [volumeWith([read(1), read(2), failed(3)], files)] })
    expect([view.state, codesOf(view)]).toEqual(['degraded', ['files-damaged', 'copies-damaged']])
    expect(reason(view, 'files-damaged')).toMatchObject({
      text: '301 files (1.0 MiB) have no copy that is whole, and parts may be unreadable: copies on chunk-server-1 are damaged, copies on chunk-server-2 are damaged and copies on chunk-server-3 are damaged',
      count: 301,
      bytes: 2 ** 20,
      copies: 0,
      servers: ['chunk-server-1', 'chunk-server-2', 'chunk-server-3'],
    })
    expect(view.counts?.byCopies).toEqual([{ copies: 0, volumes: 1, files: 301, bytes: 2 ** 20 }])
  })

  it('with the other servers gone it is the same, and they are named', () => {
    const servers = [server(1), dead(2), dead(3)]
    const view = healthIn({ servers, volumes: [volumeWith([failed(1), read(2), failed(3)], files)] })
    expect(codesOf(view)).toContain('files-damaged')
    expect(codesOf(view)).not.toContain('files-lost')
    expect(reason(view, 'files-damaged').text).toMatch(/chunk-server-2 is gone and chunk-server-3 is gone$/)
  })

  it('with all of them gone it is lost, until one is back', () => {
    const servers = [dead(1), dead(2), server(3)]
    const view = healthIn({ servers, volumes: [volumeWith([failed(1), read(2)], files)] })
    expect(codesOf(view)).toContain('files-lost')
    expect(codesOf(view)).not.toContain('copies-damaged')
  })

  it('nothing is known of it while a server was not heard that may have it whole', () => {
    const servers = [server(1), server(2), notHeard(3)]
    const view = healthIn({ servers, volumes: [volumeWith([read(1), read(2), read(3)], files)] })
    expect(view.state).toBe('degraded')
    expect(codesOf(view)).not.toContain('files-damaged')
    expect(reason(view, 'files-short').text).toContain('no verified copy yet')
    const unheard = healthIn({ servers: [notHeard(1)], volumes: [volumeWith([failed(1)], files)] })
    expect(codesOf(unheard)).toContain('files-not-seen')
  })
})
