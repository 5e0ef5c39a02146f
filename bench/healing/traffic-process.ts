/** The clients in a process of their own, so that the processes under test are not held up by them. Orders come one at a time. */
import { PacedClients } from './paced-clients.ts'
import { type TrafficAnswer, type TrafficOrder } from './traffic-job.ts'

let clients: PacedClients | null = null

process.once('disconnect', () => process.exit(0))
process.on('message', (order: TrafficOrder) => {
  void obey(order)
    .catch((error: unknown): TrafficAnswer => ({ kind: 'failed', message: String(error) }))
    .then((answer) => process.send?.(answer))
})

async function obey(order: TrafficOrder): Promise<TrafficAnswer> {
  if (order.kind === 'begin') {
    clients = new PacedClients(order.job)
    return { kind: 'done' }
  }
  if (clients === null) throw new Error('nothing was begun')
  switch (order.kind) {
    case 'pace':
      await clients.setPace(order.pace)
      return { kind: 'done' }
    case 'report':
      return { kind: 'report', ...clients.report(order.phases) }
    case 'read-all':
      await clients.readAll(order.count)
      return { kind: 'done' }
    case 'end':
      await clients.close()
      return { kind: 'done' }
  }
}
