/**
 * What is counted of HTTP requests: once each, when it is over, by operation and by class of status. An operation is the id
 * that the route has in the API's document, so there are as many as there are routes, whatever clients ask for.
 */
import { Distribution, DURATION_BOUNDS_S } from '@dfs/core'
import { type Labels, type Metrics, type Sample } from './metrics.ts'

export interface EndedRequest {
  /** Empty where no documented route matched. */
  readonly operation: string
  readonly status: number
  /** The client left before its answer had. */
  readonly isAborted: boolean
  readonly seconds: number
  /** Bytes of the two bodies. */
  readonly bytesIn: number
  readonly bytesOut: number
}

interface Operation {
  bytesIn: number
  bytesOut: number
  readonly durations: Map<string, Distribution>
}

const STATUS_CLASSES: readonly string[] = ['0xx', '1xx', '2xx', '3xx', '4xx', '5xx']

export class HttpMetrics {
  readonly #operations = new Map<string, Operation>()
  #underWay = 0

  constructor(metrics: Metrics, connectionsCount: () => number) {
    metrics.histogram(
      'dfs_http_request_duration_seconds',
      'From the end of the head of a request to the end of its answer, or to when its client left; by class of status.',
      () => this.#durations(),
    )
    metrics.counter('dfs_http_received_bytes_total', 'Bytes of bodies of requests.', () =>
      this.#each(({ bytesIn }) => bytesIn),
    )
    metrics.counter('dfs_http_sent_bytes_total', 'Bytes of bodies of answers.', () =>
      this.#each(({ bytesOut }) => bytesOut),
    )
    metrics.gauge('dfs_http_requests_under_way', 'Requests that are not answered to the end yet.', () => {
      return this.#underWay
    })
    metrics.gauge('dfs_http_connections', 'Open connections of the public listener.', connectionsCount)
  }

  /** To be called when a request begins; {@link end} must follow. */
  begin(): void {
    this.#underWay += 1
  }

  end({ operation, status, isAborted, seconds, bytesIn, bytesOut }: EndedRequest): void {
    this.#underWay -= 1
    const counted = this.#operation(operation === '' ? 'other' : operation)
    counted.bytesIn += bytesIn
    counted.bytesOut += bytesOut
    const outcome = isAborted ? 'aborted' : STATUS_CLASSES[Math.floor(status / 100)]!
    let durations = counted.durations.get(outcome)
    if (durations === undefined) {
      durations = new Distribution(DURATION_BOUNDS_S)
      counted.durations.set(outcome, durations)
    }
    durations.note(seconds)
  }

  #operation(name: string): Operation {
    let found = this.#operations.get(name)
    if (found === undefined) {
      found = { bytesIn: 0, bytesOut: 0, durations: new Map() }
      this.#operations.set(name, found)
    }
    return found
  }

  #durations(): Sample<Distribution>[] {
    return [...this.#operations].flatMap(([operation, { durations }]) =>
      Array.from(durations, ([status, own]): Sample<Distribution> => [{ operation, status }, own]),
    )
  }

  #each(read: (counted: Operation) => number): Sample[] {
    return Array.from(this.#operations, ([operation, counted]): readonly [Labels, number] => [
      { operation },
      read(counted),
    ])
  }
}
