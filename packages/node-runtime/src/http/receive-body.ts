/** Takes in the body of a call in the pieces in which it comes, without copying them together. */
import { type IncomingMessage } from 'node:http'

/** Resolves to null where the sender went away before the end. `bodyBytes` has been checked against the limit. */
export function receiveBody(request: IncomingMessage, bodyBytes: number): Promise<Uint8Array[] | null> {
  if (bodyBytes === 0) return Promise.resolve([])
  return new Promise((resolve) => {
    const pieces: Uint8Array[] = []
    request.on('data', (piece: Uint8Array) => pieces.push(piece))
    request.once('end', () => resolve(pieces))
    request.once('close', () => resolve(null))
  })
}
