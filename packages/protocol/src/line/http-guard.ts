/**
 * A web page can make a browser open a connection to any port and put lines of its choice into a request's body. The
 * browser always speaks first, and always HTTP: a connection that starts so is closed before its body is looked at.
 */
const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'CONNECT', 'TRACE', 'PRI']
const STARTS = [...METHODS.map((method) => `${method} `), 'Host:']

/** Whether a connection whose first bytes are `bytes` speaks HTTP. */
export function opensHttp(bytes: Uint8Array): boolean {
  const head = String.fromCharCode(...bytes)
  return STARTS.some((start) => head.startsWith(start))
}
