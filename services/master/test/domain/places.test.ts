/** Two disks at one address: one after the other, or at once. */
import { describe, expect, it } from 'vitest'
import { Places } from '../../src/domain/places.ts'

const AT = 'host:7171'

describe('places', () => {
  it('a disk that registers where another one was supersedes it, until that is back', () => {
    const places = new Places()
    places.noteRegistered(1, AT, false)
    places.noteHeard(1)
    expect(places.isSuperseded(1, AT)).toBe(false)
    places.noteRegistered(2, AT, false)
    expect([places.isSuperseded(1, AT), places.isSuperseded(2, AT)]).toEqual([true, false])
    places.noteHeard(2)
    // Another start of it: somebody has put the first disk back.
    places.noteRegistered(1, AT, false)
    expect([places.isSuperseded(1, AT), places.isSuperseded(2, AT)]).toEqual([false, true])
    expect(places.isSharing(1, AT)).toBe(false)
  })

  it('one that was not heard since the start of the master is superseded as well', () => {
    const places = new Places()
    expect(places.isSuperseded(1, AT)).toBe(false)
    places.noteRegistered(2, AT, false)
    expect(places.isSuperseded(1, AT)).toBe(true)
    expect(places.isSuperseded(3, 'elsewhere')).toBe(false)
  })

  it('two processes that go on saying that they are at one address share it, and do not take turns', () => {
    const places = new Places()
    places.noteRegistered(1, AT, false)
    places.noteRegistered(2, AT, false)
    expect(places.noteRegistered(1, AT, true), 'the process that was there').toBe(true)
    const all = (): boolean[] =>
      [1, 2].flatMap((id) => [places.isSuperseded(id, AT), places.isSharing(id, AT)])
    for (let round = 0; round < 3; round += 1) {
      expect(all(), `round ${round}`).toEqual([false, true, false, true])
      places.noteHeard(1)
      // Its settings are still wrong after a restart.
      expect(places.noteRegistered(2, AT, round === 0)).toBe(false)
      places.noteHeard(2)
    }
  })

  it('a third one at the address shares it too', () => {
    const places = new Places()
    for (const server of [1, 2]) places.noteRegistered(server, AT, false)
    places.noteRegistered(1, AT, true)
    places.noteRegistered(3, AT, false)
    expect([1, 2, 3].map((server) => places.isSuperseded(server, AT))).toEqual([false, false, false])
    places.noteRegistered(2, AT, false)
    expect(places.isSuperseded(3, AT)).toBe(true)
    places.noteRegistered(3, AT, true)
    expect([1, 2, 3].map((server) => places.isSuperseded(server, AT))).toEqual([false, false, false])
  })

  it('nobody shares with one that is gone: the next disk supersedes again', () => {
    const places = new Places()
    for (const server of [1, 2]) places.noteRegistered(server, AT, false)
    places.noteRegistered(1, AT, true)
    places.prune(AT, (server) => server === 1)
    expect(places.isSharing(1, AT)).toBe(false)
    places.noteHeard(1)
    places.noteRegistered(3, AT, false)
    expect(places.isSuperseded(1, AT)).toBe(true)
  })

  it('one that moves to another address of its own is heard there', () => {
    const places = new Places()
    for (const server of [1, 2]) places.noteRegistered(server, AT, false)
    expect(places.noteRegistered(1, 'elsewhere', true)).toBe(false)
    expect([places.isSuperseded(1, 'elsewhere'), places.isSuperseded(2, AT)]).toEqual([false, false])
  })
})
