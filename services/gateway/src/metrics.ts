/** The numbers of the gateway: the line protocol, and what it holds for its clients. */
import { type Metrics, timingSamples } from '@dfs/service-kit'
import { type Gateway } from './gateway.ts'

export function addGatewayMetrics(metrics: Metrics, gateway: Gateway): void {
  const { figures } = gateway
  metrics.histogram(
    'dfs_line_request_duration_seconds',
    'Messages of the line protocol, from when their turn came to when their reply was handed to the system; by verb and reply.',
    () => timingSamples(figures.requests, 'verb', 'reply'),
  )
  metrics.counter(
    'dfs_line_refused_messages_total',
    'Messages that were none of the protocol.',
    () => figures.refusedCount,
  )
  metrics.counter(
    'dfs_line_received_bytes_total',
    'Bytes that came over the line protocol.',
    () => figures.receivedBytes,
  )
  metrics.counter(
    'dfs_line_sent_bytes_total',
    'Bytes of replies of the line protocol.',
    () => figures.sentBytes,
  )
  metrics.gauge(
    'dfs_line_connections',
    'Open connections of the line protocol.',
    () => gateway.connectionsCount,
  )
  metrics.gauge('dfs_line_held_bytes', 'Memory that messages and replies hold.', () => gateway.heldBytes)
}
