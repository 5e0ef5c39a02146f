/** What is kept of what the master orders, and what it is told of it. */
import { type Order, DROPPED_PER_HEARTBEAT_MAX } from '@dfs/protocol'
import { beforeEach, describe, expect, it } from 'vitest'
import { OrderInbox } from '../src/master/order-inbox.ts'

const sealOf = (volume: number): Order => ({ kind: 'seal', volume, replica: volume, sealedLengthBytes: 0 })
const checkOf = (volume: number, offset = 0): Order => {
  return { kind: 'check', volume, replica: volume, offset, recordSize: 1 }
}
const dropOf = (volume: number): Order => ({ kind: 'drop', volume, replica: volume })
const many = (count: number, orderOf: (volume: number) => Order): Order[] =>
  Array.from({ length: count }, (_, index) => orderOf(index + 1))

let inbox: OrderInbox
let arrivals: number
let nudges: number

beforeEach(() => {
  inbox = new OrderInbox()
  arrivals = 0
  nudges = 0
  inbox.arrived.add(() => (arrivals += 1))
  inbox.emptied.add(() => (nudges += 1))
})

/** All that wait of a kind, taken and not done. */
function takeAll(kind: Order['kind']): Order[] {
  const taken: Order[] = []
  for (let next = inbox.take(kind); next !== null; next = inbox.take(kind)) taken.push(next.order)
  return taken
}

describe('an order', () => {
  it('is given out once, by its kind, the oldest first, however often it comes', () => {
    const orders = [dropOf(2), sealOf(1), checkOf(3), checkOf(3, 9), dropOf(1)]
    inbox.accept(orders, 4)
    inbox.accept(orders, 4)
    expect(arrivals, 'nothing new the second time').toBe(1)
    expect(inbox.take('seal')).toEqual({ order: sealOf(1), epoch: 4 })
    expect([takeAll('seal'), takeAll('check'), takeAll('drop')]).toEqual([
      [],
      [checkOf(3), checkOf(3, 9)],
      [dropOf(2), dropOf(1)],
    ])
  })

  it('is not taken in again while it is carried out, and is afterwards: its effect may not have been reported', () => {
    inbox.accept([dropOf(1)], 1)
    const { order } = inbox.take('drop')!
    inbox.accept([order], 1)
    expect(inbox.take('drop')).toBeNull()
    inbox.done(order, true)
    inbox.accept([order], 1)
    expect(inbox.take('drop')!.order).toEqual(order)
  })

  it('of an earlier start of the master is forgotten when a later one speaks', () => {
    inbox.accept([dropOf(1), sealOf(1)], 1)
    inbox.accept([sealOf(2)], 2)
    expect([takeAll('seal'), takeAll('drop')]).toEqual([[sealOf(2)], []])
  })
})

describe('more orders than there is room for', () => {
  it('are left out, the less urgent ones first; they come again', () => {
    inbox.accept(many(2000, dropOf), 1)
    expect(inbox.count).toBe(1000)
    inbox.accept([...many(600, checkOf), ...many(600, sealOf)], 1)
    expect(inbox.count).toBe(1000)
    const counts = (['seal', 'check', 'drop'] as const).map((kind) => takeAll(kind).length)
    expect(counts).toEqual([600, 400, 0])
  })

  it('do not push out those that are being carried out', () => {
    inbox.accept(many(1000, dropOf), 1)
    expect(takeAll('drop')).toHaveLength(1000)
    inbox.accept([sealOf(1)], 1)
    expect([inbox.count, inbox.take('seal')]).toEqual([1000, null])
  })
})

describe('the master', () => {
  it('is told at once when all is done, if anything is otherwise than before', () => {
    inbox.accept([dropOf(1), dropOf(2), sealOf(3)], 1)
    for (const order of takeAll('drop')) inbox.done(order, true)
    expect(nudges, 'one is left').toBe(0)
    inbox.done(inbox.take('seal')!.order, false)
    expect(nudges).toBe(1)
    inbox.accept([sealOf(3)], 1)
    inbox.done(inbox.take('seal')!.order, false)
    expect(nudges, 'an order that changes nothing is repeated without haste').toBe(1)
  })

  it('is told what was done until it has heard it, so much at a time', () => {
    for (let replica = 1; replica <= DROPPED_PER_HEARTBEAT_MAX + 5; replica += 1) {
      inbox.noteDropped({ volume: 7, replica })
    }
    inbox.noteChecked({ replica: 3, offset: 8 })
    const first = inbox.takeDone()
    expect([first.dropped.length, first.checked]).toEqual([
      DROPPED_PER_HEARTBEAT_MAX,
      [{ replica: 3, offset: 8 }],
    ])
    inbox.giveBack(first)
    const replicas = new Set<number>()
    for (let done = inbox.takeDone(); done.dropped.length > 0; done = inbox.takeDone()) {
      for (const { replica } of done.dropped) replicas.add(replica)
    }
    expect(replicas.size).toBe(DROPPED_PER_HEARTBEAT_MAX + 5)
  })
})
