/** The head of a request's frame: the route's template, the request id, and the values of the placeholders, a line each. */
import { type WireRequest } from '@dfs/core'
import { FrameError } from './frame.ts'

export type RequestHead = Omit<WireRequest, 'body'>

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({})

/** Values are percent-encoded, so that none of them can hold a line break. */
export function encodeRequestHead({ route, requestId, params }: RequestHead): string {
  let head = `${route}\n${requestId === undefined ? '' : encodeURIComponent(requestId)}`
  for (const name in params) head += `\n${name}=${encodeURIComponent(params[name]!)}`
  return head
}

/** Throws {@link FrameError}. */
export function decodeRequestHead(head: string): RequestHead {
  const [route = '', requestId = '', ...lines] = head.split('\n')
  const params = lines.length === 0 ? NO_PARAMS : Object.fromEntries(lines.map(decodeParam))
  return requestId === '' ? { route, params } : { route, params, requestId: decodeValue(requestId) }
}

function decodeParam(line: string): [string, string] {
  const at = line.indexOf('=')
  if (at < 1) throw new FrameError('a parameter without a name')
  return [line.slice(0, at), decodeValue(line.slice(at + 1))]
}

function decodeValue(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    throw new FrameError('a parameter with a bad percent sequence', { cause: error })
  }
}
