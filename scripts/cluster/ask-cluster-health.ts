/** `GET /v1/health` over the public port. No answer, or none that is understood, is null. */
import { get } from 'node:http'
import { type HealthView } from '@dfs/protocol'

const ANSWER_WITHIN_MS = 5000
const BODY_CHARACTERS_MAX = 1_000_000

/** Never rejects. */
export function askClusterHealth(host: string, port: number): Promise<HealthView | null> {
  const { promise, resolve } = Promise.withResolvers<HealthView | null>()
  const none = (): void => resolve(null)
  const options = { host, port, path: '/v1/health', agent: false, timeout: ANSWER_WITHIN_MS }
  const request = get(options, (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (part: string) => {
      body += part
      if (body.length > BODY_CHARACTERS_MAX) request.destroy(new Error('the answer is too long'))
    })
    response.on('end', () => resolve(response.statusCode === 200 ? viewIn(body) : null))
    response.on('error', none)
  })
  request.on('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)))
  request.on('error', none)
  return promise
}

function viewIn(body: string): HealthView | null {
  try {
    return JSON.parse(body) as HealthView
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
