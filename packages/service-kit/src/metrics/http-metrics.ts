/**
 * What is counted of HTTP requests: once each, when it is over, by operation and by class of status. An operation is the id
 * that the route has in the API's document, so there are as many as there are routes, whatever clients ask for.
 */
import { Timings } from '@dfs/core'
import { type Metrics, type Sample, timingSamples } from './metrics.ts'

export interface EndedRequest {
  /** Empty if no documented route matched. */
  readonly operation: string
  readonly status: number
  /** The client left before its answer had. */
  readonly isAborted: boolean
  readonly seconds: number
  /** Bytes of the two bodies. */
  readonly bytesIn: number
  readonly bytesOut: number
}

interface Bytes {
  in: number
  out: number
}

const STATUS_CLASSES: readonly string[] = ['0xx', '1xx', '2xx', '3xx', '4xx', '5xx']

export class HttpMetrics {
  readonly #durations = new Timings()
  readonly #bytes = new Map<string, Bytes>()
  #underWay = 0

  constructor(metrics: Metrics, connectionsCount: () => number) {
    metrics.histogram(
      'dfs_http_request_duration_seconds',
      'From the end of the head of a request to the end of its answer, or to when its client left; by class of status.',
      () => timingSamples(this.#durations, 'operation', 'status'),
    )
    metrics.counter('dfs_http_received_bytes_total', 'Bytes of bodies of requests.', () => this.#each('in'))
    metrics.counter('dfs_http_sent_bytes_total', 'Bytes of bodies of answers.', () => this.#each('out'))
    metrics.gauge(
      'dfs_http_requests_under_way',
      'Requests that are not answered to the end yet.',
      () => this.#underWay,
    )
    metrics.gauge('dfs_http_connections', 'Open connections of the public listener.', connectionsCount)
  }

  /** To be called when a request begins; {@link end} must follow. */
  begin(): void {
    this.#underWay += 1
  }

  end({ operation, status, isAborted, seconds, bytesIn, bytesOut }: EndedRequest): void {
    this.#underWay -= 1
    const name = operation === '' ? 'other' : operation
    this.#durations.note(name, isAborted ? 'aborted' : STATUS_CLASSES[Math.floor(status / 100)]!, seconds)
    let bytes = this.#bytes.get(name)
    if (bytes === undefined) {
      bytes = { in: 0, out: 0 }
      this.#bytes.set(name, bytes)
    }
    bytes.in += bytesIn
    bytes.out += bytesOut
  }

  #each(way: keyof Bytes): Sample[] {
    return Array.from(this.#bytes, ([operation, bytes]): Sample => [{ operation }, bytes[way]])
  }
}
