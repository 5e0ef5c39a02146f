/** Asks a service over its public port how it is. No answer is an answer too: services that start or stop give none. */
import { get } from 'node:http'

const ANSWER_WITHIN_MS = 2000
const BODY_CHARACTERS_MAX = 300

export interface Health {
  readonly isOk: boolean
  /** Why not, in the service's or the system's words. */
  readonly reason: string
  /** What a ready service lacks all the same, in its words; null if nothing. */
  readonly missing: string | null
}

/** `path` is `/healthz` (the process answers) or `/readyz` (it can do its work). Never rejects. */
export function askHealth(host: string, port: number, path: '/healthz' | '/readyz'): Promise<Health> {
  const { promise, resolve } = Promise.withResolvers<Health>()
  const fail = (error: Error): void => resolve({ isOk: false, reason: error.message, missing: null })
  const request = get({ host, port, path, agent: false, timeout: ANSWER_WITHIN_MS }, (response) => {
    let body = ''
    response.setEncoding('utf8')
    response.on('data', (part: string) => {
      if (body.length < BODY_CHARACTERS_MAX) body += part.slice(0, BODY_CHARACTERS_MAX)
    })
    response.on('end', () => {
      const isOk = response.statusCode === 200
      const reason = isOk ? '' : `${response.statusCode} ${detailOf(body)}`.trim()
      resolve({ isOk, reason, missing: isOk ? fieldOf(body, 'missing') : null })
    })
    response.on('error', fail)
  })
  request.on('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)))
  request.on('error', fail)
  return promise
}

/** The `detail` of a problem document; else the body on one line. */
function detailOf(body: string): string {
  return fieldOf(body, 'detail') ?? body.replaceAll(/\s+/g, ' ')
}

const fieldOf = (body: string, name: 'detail' | 'missing'): string | null =>
  new RegExp(`"${name}":\\s*"([^"]*)"`).exec(body)?.[1] ?? null
