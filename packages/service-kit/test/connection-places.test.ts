/** Which connection goes when there are too many: never one that is in use, of the busiest address the idlest. */
import { ManualClock } from '@dfs/core/testing'
import { EventEmitter } from 'node:events'
import { type ServerResponse } from 'node:http'
import { type Socket } from 'node:net'
import { beforeEach, describe, expect, it } from 'vitest'
import { ConnectionPlaces } from '../src/connection-places.ts'

const ignore = (): void => {}
let clock: ManualClock
let places: ConnectionPlaces
let ended: string[]
let answers: Map<Socket, ServerResponse>

beforeEach(() => {
  clock = new ManualClock()
  ended = []
  answers = new Map()
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore }
  places = new ConnectionPlaces({ clock, log, max: 4, latest: (socket) => answers.get(socket) })
})

class FakeSocket extends EventEmitter {
  bytesRead = 0
  bytesWritten = 0
  readonly name: string
  readonly remoteAddress: string

  constructor(name: string, address: string) {
    super()
    this.name = name
    this.remoteAddress = address
  }

  destroy(): void {
    ended.push(this.name)
    this.emit('close')
  }
}

type State = 'new' | 'idle' | 'working' | 'sending' | 'receiving'

const answerIn = (state: State): ServerResponse =>
  ({
    writableFinished: state === 'idle',
    destroyed: false,
    headersSent: state === 'sending',
    req: { complete: state !== 'receiving' },
  }) as unknown as ServerResponse

/** A connection that is made now, a second after the last. */
function come(name: string, state: State = 'new', address = 'a'): FakeSocket {
  clock.jump(1000)
  const fake = new FakeSocket(name, address)
  const socket = fake as unknown as Socket
  if (state !== 'new') answers.set(socket, answerIn(state))
  places.take(socket)
  return fake
}

describe('when there is no place left', () => {
  it('the connection goes that has been idle for longest, whether it has sent a request or not', () => {
    come('1', 'idle')
    come('2')
    const third = come('3')
    come('4', 'working')
    come('5')
    expect(ended).toEqual(['1'])
    // What moves is not idle.
    answers.clear()
    third.bytesRead += 1
    come('6', 'working')
    expect(ended).toEqual(['1', '2'])
    expect(places.count).toBe(4)
  })

  it('the place of one that closes by itself is free', () => {
    const first = come('1')
    for (const name of ['2', '3', '4']) come(name)
    first.emit('close')
    come('5')
    expect(ended).toEqual([])
  })

  it('one whose request is being worked on stays, and so does one that moved lately: the new one is refused', () => {
    come('1', 'working')
    clock.jump(60_000)
    come('2', 'sending')
    come('3', 'receiving')
    come('4', 'sending')
    come('5')
    expect(ended).toEqual(['5'])
  })

  it('one that is stuck in an answer or a body goes when nobody is idle, the one that is stuck longest', () => {
    for (const state of ['sending', 'receiving', 'working', 'sending'] as const) come(state, state)
    clock.jump(10_000)
    come('a')
    // The new one is idle; it goes before anybody who is in the middle of something.
    come('b')
    expect(ended).toEqual(['sending', 'a'])
  })

  it('one that trickles is stuck, and one that has begun another request or moves well is not', () => {
    const slow = come('slow', 'receiving')
    const fast = come('fast', 'sending')
    const busy = come('busy', 'sending')
    come('working', 'working')
    for (let seconds = 0; seconds < 10; seconds += 1) {
      clock.jump(1000)
      slow.bytesRead += 1
      fast.bytesWritten += 10_000
      busy.bytesRead += 200
      answers.set(busy as unknown as Socket, answerIn('sending'))
      // Refused as long as nobody is stuck; each one causes a look.
      places.take(new FakeSocket('refused', 'b') as unknown as Socket)
    }
    come('new', 'working', 'b')
    expect(new Set(ended.slice(0, 8))).toEqual(new Set(['refused']))
    expect(ended.filter((name) => name !== 'refused')).toEqual(['slow'])
  })

  it('one of the address that has most goes, though others have been idle for longer', () => {
    come('other', 'idle', 'b')
    come('1', 'sending')
    come('2', 'sending')
    come('3', 'sending')
    clock.jump(10_000)
    come('another', 'new', 'c')
    expect(ended).toEqual(['1'])
    come('another', 'new', 'd')
    expect(ended).toEqual(['1', '2'])
    // Now all have one each.
    come('another', 'new', 'e')
    expect(ended).toEqual(['1', '2', 'other'])
  })
})
